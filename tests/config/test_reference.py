import pytest

from pipeline import reference


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("configuration.md", reference.configuration_markdown),
        ("config.schema.json", reference.configuration_schema),
    ],
)
def test_generated_documents_are_current(name, make):
    written = (reference.DOCS / name).read_text(encoding="utf-8")
    assert written == make(), f"docs/{name} is out of date: run `make docs`"


def test_every_key_has_a_description():
    missing = [
        f"{title}.{name}"
        for title, model in reference.SECTIONS
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert not missing
