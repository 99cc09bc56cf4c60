"""The page, driven in a browser as people use it."""

import json
import shutil
import subprocess

import imageio_ffmpeg
import pytest

from pipeline.asking.command import Request, ask
from tests.web.conftest import until

QUESTION = "#question input"
READY = ".note.ready"
FAILED = ".note.failed"


FOCUSED = """() => {
  const at = document.activeElement;
  const name = at.ariaLabel || at.innerText || at.id || at.closest("label")?.innerText || "";
  return [at.tagName, name, at.closest("[id]")?.id];
}"""
"""What has the focus: its tag, its name, the id of what it is in."""


def choose(page, path, expect=READY):
    """Upload a video, and wait for what is said of it."""
    page.set_input_files("#video input[type=file]", path)
    return page.locator(expect).filter(has_text=f"“{path.name}”").inner_text()


def put(page, question):
    """Ask, and give the answer."""
    before = page.locator(".asked").count()
    page.fill(QUESTION, question)
    page.press(QUESTION, "Enter")
    page.wait_for_function("count => document.querySelectorAll('.asked').length > count", arg=before)
    return page.locator(".asked .answer").first.inner_text()


def system(page, name):
    """Choose who answers."""
    page.click("#system input")
    page.click(f"#system ul li:has-text('· {name}')")


def test_questions_and_answers(people, served, capsys):
    """The answers are those of `avsd ask`, history and all; the picture stands beside them, and moves the player."""
    page = people()
    assert "“loud.mp4” is ready, 3.4 s." in choose(page, served.clip("loud"))
    system(page, "untold")
    questions = ["What is it?", "Is there a red ball?"]
    answers = [put(page, question) for question in questions]
    ask(served.config, Request(served.clip("loud"), tuple(questions), system="untold"))
    assert answers == capsys.readouterr().out.splitlines()
    assert page.input_value(QUESTION) == ""

    latest = page.locator(".asked").first
    assert latest.locator("h2").inner_text() == questions[1]
    assert latest.locator(".attention .shares svg rect").count() > 0
    assert latest.locator(".attention .frames img").count() > 2
    peak = latest.locator(".peak").first
    second = float(peak.get_attribute("data-second"))
    peak.focus()
    page.keyboard.press("Enter")
    now = "() => document.querySelector('#video video').currentTime"
    page.wait_for_function(f"second => Math.abs(({now})() - second) < 0.01", arg=second)
    strip = latest.locator(".attention .strip").first.bounding_box()
    page.mouse.click(strip["x"] + 0.9 * strip["width"], strip["y"] + strip["height"] / 2)
    page.wait_for_function(f"second => ({now})() > second", arg=0.6 * 3.4)


def test_all_systems(people, served, capsys):
    """The table has every trained system's answer to the same question after the same dialog."""
    page = people()
    choose(page, served.clip("short"))
    system(page, "text")
    first = put(page, "what is it ?")
    put(page, "and what is left ?")
    page.click("#compare")
    page.wait_for_selector(".others")
    rows = {
        row.locator("small").inner_text(): row.locator("td").inner_text()
        for row in page.locator(".others tbody tr").all()
    }
    assert set(rows) == {"whole", "untold", "text", "alone", "shown"}
    for name in ("untold", "alone"):
        turns = {"asked": ("what is it ?",), "answered": (first,)}
        ask(served.config, Request(served.clip("short"), ("and what is left ?",), system=name, **turns))
        assert rows[name] == capsys.readouterr().out.strip()


def test_a_description(people, served, capsys):
    """Its field is there for the systems that read one, and they are told what stands in it."""
    page = people()
    choose(page, served.clip("short"))
    system(page, "text")
    page.wait_for_selector("#description", state="hidden")
    system(page, "whole")
    page.wait_for_selector("#description textarea")
    page.fill("#description textarea", "A red ball is left.")
    answer = put(page, "what is it ?")
    request = Request(served.clip("short"), ("what is it ?",), system="whole", description="A red ball is left.")
    ask(served.config, request)
    assert answer == capsys.readouterr().out.strip()
    assert "Told of the video: a red ball is left ." in page.locator(".asked").inner_text()


def test_concept_words(people, served, capsys):
    """The detector hears a new video first, by features that the system itself does not see."""
    page = people()
    system(page, "shown")
    choose(page, served.clip("loud"))
    answer = put(page, "what is there ?")
    capsys.readouterr()
    ask(served.config, Request(served.clip("loud"), ("what is there ?",), system="shown"))
    assert capsys.readouterr().out.splitlines() == [answer]
    # The words that were detected are among what it looked at.
    assert "Where in the concepts" in page.locator(".asked .attention").first.inner_text()


def test_cancel(people, served, tmp_path):
    """The work ends, the decoder too; the next video goes through."""
    page = people()
    system(page, "untold")
    served.hold.touch()
    video = tmp_path / "other.mp4"
    shutil.copy(served.clip("loud"), video)
    with video.open("ab") as file:
        file.write(b"other")  # never seen before
    page.set_input_files("#video input[type=file]", video)
    (decoder,) = until(served.decoders)
    assert "Decoding the picture" in page.wait_for_selector(".steps .now").inner_text()
    assert "Sound (heard)" in page.locator(".steps").inner_text()
    page.click("#cancel")
    assert page.wait_for_selector(FAILED).inner_text().startswith("Cancelled")
    until(lambda: not decoder.is_running())
    served.hold.unlink()
    page.fill(QUESTION, "what is it ?")
    page.click("#ask")
    page.wait_for_selector(".asked")


def test_leaving_ends_the_work(people, served, tmp_path):
    """Who closes the page waits for nothing."""
    page = people()
    system(page, "untold")
    served.hold.touch()
    video = tmp_path / "third.mp4"
    video.write_bytes(served.clip("loud").read_bytes() + b"third")
    page.set_input_files("#video input[type=file]", video)
    (decoder,) = until(served.decoders)
    page.close()
    until(lambda: not decoder.is_running())
    served.hold.unlink()


def test_two_people(people, served, tmp_path):
    """One waits for the other's video, and each has a dialog of their own."""
    served.hold.touch()
    one, other = people(), people(390, 800)
    for page, name in ((one, "one"), (other, "other")):
        system(page, "untold")
        video = tmp_path / f"{name}.mp4"
        video.write_bytes(served.clip("short").read_bytes() + name.encode())
        page.set_input_files("#video input[type=file]", video)
        page.wait_for_selector(".steps, .note")
    assert "Waiting for 1 other video before yours." in other.wait_for_selector(".note").inner_text()
    served.hold.unlink()
    for decoder in served.decoders():
        decoder.kill()
    assert "“one.mp4” the decoder was ended from outside" in one.wait_for_selector(FAILED).inner_text()
    other.wait_for_selector(READY)
    put(one, "what is it ?")
    put(other, "is there a red ball ?")
    put(other, "and what is left ?")
    assert [page.locator(".asked").count() for page in (one, other)] == [1, 2]
    assert "“other.mp4”" in other.locator(READY).inner_text()


def test_known_videos_are_not_computed_again(people, served, tmp_path):
    """The same content under another name is answered from what is kept."""
    page = people()
    video = tmp_path / "again.mp4"
    video.write_bytes(served.clip("short").read_bytes() + b"again")
    choose(page, video)
    served.hold.touch()
    try:
        copy = tmp_path / "copy.mp4"
        shutil.copy(video, copy)
        assert "“copy.mp4” is ready" in choose(people(), copy)
    finally:
        served.hold.unlink()


def test_what_cannot_be_used(people, served, tmp_path):
    """Each gets a sentence, and the page goes on."""
    page = people()
    page.fill(QUESTION, "what is it ?")
    page.press(QUESTION, "Enter")
    assert page.wait_for_selector(FAILED).inner_text() == "Choose a video first."
    text = tmp_path / "text.mp4"
    text.write_bytes(b"not a video\n" * 300)
    words = choose(page, text, FAILED)
    assert words.startswith("“text.mp4” cannot be used: probe: not a readable media file")
    assert str(served.log.parent) not in words
    empty = tmp_path / "empty.mp4"
    empty.touch()
    page.reload()
    page.wait_for_selector(QUESTION)
    assert "the file is empty" in choose(page, empty, FAILED)
    page.reload()
    page.wait_for_selector(QUESTION)
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(2 << 20))
    page.set_input_files("#video input[type=file]", large)
    page.wait_for_selector("text=/maximum allowed size/i")
    page.reload()
    page.wait_for_selector(QUESTION)
    system(page, "untold")
    choose(page, served.clip("mute"))
    assert "“mute.mp4” is ready, 2.0 s: it has no sound, so answers come from the picture alone." in page.inner_text(
        "#state"
    )
    page.fill(QUESTION, "   ")
    page.press(QUESTION, "Enter")
    assert page.wait_for_selector(FAILED).inner_text() == "The question is blank: type one."
    put(page, "is a zebra a quagga?")
    assert "not understood: zebra, quagga." in page.locator(".asked").inner_text()


def test_texts_are_texts(people, served, tmp_path):
    """Whatever a question or the name of a file holds, it is shown as it is and does nothing."""
    page = people()
    attack = "<img src=x onerror=alert(1)>"
    video = tmp_path / f"{attack} {{{{7*7}}}} ${{7*7}} '\".mp4".replace("/", "")
    shutil.copy(served.clip("short"), video)
    page.set_input_files("#video input[type=file]", video)
    assert "img src=x onerror" in page.wait_for_selector(READY).inner_text()  # gradio takes the signs out of a name
    question = f"{attack}<script>alert(2)</script> {{{{7*7}}}} ${{alert(3)}} `'\" &lt; what ?"
    put(page, question)
    assert page.locator(".asked h2").inner_text() == question
    system(page, "whole")
    page.fill("#description textarea", question)
    put(page, question)
    page.wait_for_timeout(300)
    assert page.locator("img[src=x]").count() == 0


def test_examples(people, served):
    """Clips of the trial set, with their true dialogs, whose questions can be asked."""
    page = people()
    assert sorted(page.locator("#examples button").all_inner_texts()) == ["loud", "mute", "short"]
    page.click("#examples button:has-text('mute')")
    page.wait_for_selector(READY)
    page.click(".truth summary")
    first = page.locator(".truth li button").first
    question = first.inner_text()
    first.click()
    assert page.input_value(QUESTION) == question
    page.press(QUESTION, "Enter")
    page.wait_for_selector(".asked")
    dialogs = json.loads((served.config.results / "corpus" / "trial.json").read_text())["dialogs"]
    (true,) = [each["dialog"] for each in dialogs if each["image_id"] == "mute"]
    assert [question, true[0]["answer"]] == [
        true[0]["question"],
        page.locator(".truth li").first.inner_text()[len(question) :].strip(),
    ]


@pytest.mark.parametrize(("width", "columns"), [(360, 1), (1280, 2)])
def test_widths(people, served, width, columns):
    """One column on a phone, two on a wide screen, and nothing to scroll sideways."""
    page = people(width)
    system(page, "untold")
    choose(page, served.clip("short"))
    put(page, "what is it ?")
    left, right = (page.locator(name).bounding_box() for name in ("#watching", "#asking"))
    assert (right["x"] > left["x"] + left["width"] / 2) == (columns == 2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("footer:visible").count() == 0


def test_by_keyboard(people, served):
    """Everything is reached by Tab, and says what it is."""
    page = people()
    system(page, "untold")
    choose(page, served.clip("short"))
    put(page, "what is it ?")
    names, seen = [], set()
    for _ in range(40):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        names.append(at)
        seen.add(at[2])
    assert all(name for tag, name, _ in names if tag in ("BUTTON", "SUMMARY"))
    assert any(tag == "BUTTON" and "seen" in name for tag, name, _ in names)
    assert {"ask", "compare"} <= seen


def test_odd_containers(people, served, tmp_path):
    """A file that browsers do not play is answered all the same."""
    video = tmp_path / "odd.avi"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", served.clip("short"), "-c:v", "mpeg4", video]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    page = people()
    assert "“odd.avi” is ready" in choose(page, video)
    put(page, "what is it ?")
