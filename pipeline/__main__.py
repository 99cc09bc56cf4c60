"""`python -m pipeline` is `avsd`."""

from pipeline import stopping


def main() -> None:
    """Run the command line; signals are seen to before all that it needs is imported, which takes its time."""
    with stopping.watched():
        from pipeline.progress import one_line_errors

        with one_line_errors():  # of other packages that cannot be imported
            from pipeline.cli import main as run

        run()


if __name__ == "__main__":
    main()
