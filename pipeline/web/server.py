"""`avsd web`: the server, on this machine alone unless told otherwise, and silent to all others."""

import os
import threading
from importlib.resources import files
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files import scratch_folder
from pipeline.progress import log
from pipeline.report.templates import part
from pipeline.web.desk import Desk

MEBIBYTE = 1 << 20
SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_NUM_PORTS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""What keeps gradio and its libraries from asking other machines."""
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "Menlo", "Consolas", "monospace")


def serve(config: Config, host: str, port: int, upload_mib: int, cache_mib: int) -> None:
    """Serve the page until a signal ends it; its address goes to the standard output.

    upload_mib: size of an uploaded video at most. cache_mib: of what is kept of videos that were asked about. Raises
    `UserError` for a port that is taken, and when no trained system answers.
    """
    desk = Desk(config, cache_mib * MEBIBYTE)
    with scratch_folder("web") as uploads:
        os.environ.update({**SILENT, "GRADIO_TEMP_DIR": str(uploads)})  # read when gradio is imported
        import gradio as gr

        from pipeline.web.page import Page

        page = Page(desk, uploads)
        theme = gr.themes.Base(font=FONT, font_mono=MONO, primary_hue="blue", neutral_hue="slate")
        try:
            _, address, _ = page.blocks.queue().launch(
                server_name=host,
                server_port=port,
                max_file_size=upload_mib * MEBIBYTE,
                allowed_paths=[str(example.path.resolve()) for example in desk.examples],
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                footer_links=[],
                run_history=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                theme=theme,
                head=_head(),
            )
        except OSError as error:
            raise UserError(f"port {port} of {host} cannot be had ({error}); choose another with --port") from None
        try:
            print(address, flush=True)
            log(f"answered by {desk.best} of {len(desk.systems)} trained systems; Ctrl-C ends")
            threading.Event().wait()
        finally:
            desk.close()
            page.blocks.close(verbose=False)


def _head() -> str:
    """Styles and script of the page: those of the report, within its own pieces, and its own."""
    own = Path(str(files("pipeline.web")))
    shared = f"{part('colours.css')}.avsd {{ {part('page.css')}{part('attention.css')} }}"
    style = shared + own.joinpath("page.css").read_text(encoding="utf-8")
    return f"<style>{style}</style><script>{own.joinpath('page.js').read_text(encoding='utf-8')}</script>"
