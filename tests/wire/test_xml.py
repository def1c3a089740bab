from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.wire import xml
from odps_frames.wire.xml import Element, element, parse, serialize

LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
CARRIED = st.text(LETTERS | st.sampled_from("\r\n\t<>&\"']"))
PIECES = st.lists(st.sampled_from(["]]>", "]]", "\r\n", "<![CDATA[", "&amp;", "a"])).map("".join)


@given(text=CARRIED | PIECES, cdata=st.booleans())
def test_text_comes_back_letter_by_letter(text: str, *, cdata: bool) -> None:
    root = parse(serialize(element("a", element("b", text, cdata=cdata))))
    assert root.find("b") == Element("b", text)


@given(text=CARRIED)
def test_attributes_come_back_letter_by_letter(text: str) -> None:
    assert parse(serialize(element("a", attributes={"v": text}))).attributes == {"v": text}


@given(text=CARRIED, cdata=st.booleans())
def test_pretty_documents_say_the_same(text: str, *, cdata: bool) -> None:
    root = element("a", element("b", element("c", text, cdata=cdata)), element("d"))
    assert parse(serialize(root, pretty=True)) == parse(serialize(root)) == root


def test_sections_and_breaks_are_written_as_such() -> None:
    root = element("a", element("q", "1 < 2 ]]> 3", cdata=True), element("n", "<&>"), element("e"))
    assert serialize(root, pretty=True) == (
        b'<?xml version="1.0" encoding="utf-8"?>\n'
        b"<a>\n"
        b"  <q><![CDATA[1 < 2 ]]]]><![CDATA[> 3]]></q>\n"
        b"  <n>&lt;&amp;&gt;</n>\n"
        b"  <e/>\n"
        b"</a>\n"
    )


@pytest.mark.parametrize("letter", ["\x00", "\x0b", "\x1f", "\ud800", "\uffff"])
@pytest.mark.parametrize("cdata", [True, False])
def test_letters_that_xml_cannot_carry_are_refused(letter: str, *, cdata: bool) -> None:
    with pytest.raises(ValueError, match="cannot travel in XML"):
        serialize(element("a", "x" + letter, cdata=cdata))
    with pytest.raises(ValueError, match="cannot travel in XML"):
        serialize(element("a", attributes={"v": letter}))


@pytest.mark.parametrize(
    "document",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY e "text">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>',
    ],
)
def test_declared_types_and_entities_are_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="declares a document type"):
        parse(document)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"not xml",
        b"<a>&nbsp;</a>",
        b"\xff\xfe<",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b'{"a": 1}',
    ],
)
def test_what_is_no_xml_is_refused_with_its_beginning(document: bytes) -> None:
    with pytest.raises(ValueError, match=re.escape(f"not XML: {document[:80]!r}")):
        parse(document)


def test_depth_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        return b"<a>" * depth + b"</a>" * depth

    assert parse(nested(xml.MAX_DEPTH)).name == "a"
    with pytest.raises(ValueError, match="nested deeper than 64 levels"):
        parse(nested(xml.MAX_DEPTH + 1))


def test_length_is_bounded() -> None:
    with pytest.raises(ValueError, match="expected at most 16777216"):
        parse(b"<a>" + b" " * xml.MAX_BYTES + b"</a>")


def test_paths_find_the_first_and_empty_text_is_absent() -> None:
    root = parse(b"<a><b><c/></b><b><c>2</c></b><d>text</d>\n</a>")
    assert root.text_of("d") == "text"
    assert root.text_of("b", "c") is None
    assert root.text_of("x", "c") is None
    assert [b.text_of("c") for b in root.all("b")] == [None, "2"]
    assert root.text == ""


def test_the_number_of_elements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odps_frames.wire.xml.MAX_ELEMENTS", 10)
    assert len(parse(b"<a>" + b"<b/>" * 9 + b"</a>").children) == 9
    with pytest.raises(ValueError, match="more than 10 elements"):
        parse(b"<a>" + b"<b/>" * 10 + b"</a>")
