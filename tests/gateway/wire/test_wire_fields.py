"""Lenient reading and strict writing of single values."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.errors import BrokenInvariant
from dispersa.gateway.wire import texts
from dispersa.gateway.wire.fields import Fields, MalformedField, as_integer, as_number
from dispersa.gateway.wire.times import bar_time, greeting_time, parse_time, stamp


@pytest.mark.parametrize(
    "text",
    ["", "1.7976931348623157e+308", "1.7976931348623157E308", "1.7976931348623157E+308"],
)
def test_every_spelling_of_an_unset_double_is_none(text: str) -> None:
    assert as_number(text) is None


@pytest.mark.parametrize(
    "text", ["", "2147483647", "9223372036854775807", "1.7976931348623157e308"]
)
def test_every_spelling_of_an_unset_integer_is_none(text: str) -> None:
    assert as_integer(text) is None


@pytest.mark.parametrize("text", ["Infinity", "Infinite", "inf", "INFINITY"])
def test_infinity_is_understood(text: str) -> None:
    assert as_number(text) == math.inf


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0.0", 0), ("-1", -1), ("7.0", 7)])
def test_integers_may_be_spelled_as_floats(text: str, value: int) -> None:
    assert as_integer(text) == value


@pytest.mark.parametrize("text", ["abc", "1,5", "nan", "0x10", "--1"])
def test_what_is_no_number_is_malformed(text: str) -> None:
    with pytest.raises(MalformedField):
        as_number(text)
    with pytest.raises(MalformedField):
        as_integer(text)


def test_a_fraction_is_no_integer() -> None:
    with pytest.raises(MalformedField, match="no integer"):
        as_integer("1.5")


def test_reading_past_the_end_is_malformed() -> None:
    fields = Fields(b"1\0")
    fields.text()
    with pytest.raises(MalformedField, match="ends after 1"):
        fields.text()


def test_a_count_beyond_the_message_is_malformed() -> None:
    with pytest.raises(MalformedField, match="announced"):
        Fields(b"1000000000\0a\0").count()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(payload: bytes) -> None:
    fields = Fields(payload)
    for read in (fields.integer, fields.number, fields.flag, fields.quantity, fields.text):
        try:
            read()
        except MalformedField:
            continue


# Java's Double.toString: positional from 1e-3 up to but without 1e7, else d.dddE±n.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (1.0, "1.0"),
        (-1.25, "-1.25"),
        (0.001, "0.001"),
        (0.00099, "9.9E-4"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-50_000_000, "-5.0E7"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (123456789012.0, "1.23456789012E11"),
        (5e-324, "5.0E-324"),
    ],
)
def test_doubles_are_spelled_as_java_does(value: float, text: str) -> None:
    assert texts.double(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_survive_the_wire(value: float) -> None:
    assert float(texts.double(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_sent(value: float) -> None:
    with pytest.raises(BrokenInvariant):
        texts.double(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100", "100"),
        ("1E+2", "100"),
        ("0.50", "0.5"),
        ("-3.0", "-3"),
        ("0", "0"),
        ("0E+3", "0000"),
    ],
)
def test_quantities_are_plain_decimals(value: str, text: str) -> None:
    assert float(texts.plain(Decimal(value))) == float(text)
    assert "E" not in texts.plain(Decimal(value))


def test_text_is_ascii_with_escapes_and_without_backslashes() -> None:
    assert texts.escaped("Nestlé") == "Nestl\\u00E9"
    assert texts.escaped("a\\b\0c") == "a/b c"
    assert (
        texts.escaped("é😀")
        .encode()
        .decode("unicode-escape")
        .encode("utf-16", "surrogatepass")
        .decode("utf-16")
        == "é😀"
    )


MOMENT = datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC)


def test_times_by_version() -> None:
    assert greeting_time(MOMENT) == "20261120 10:00:00 EST"
    assert stamp(MOMENT, 178) == "20261120 10:00:00 US/Eastern"
    assert stamp(MOMENT, 176) == "20261120 10:00:00 US/Eastern"
    assert stamp(MOMENT, 157) == "20261120  10:00:00"
    assert bar_time(MOMENT, 178, epoch=True) == str(int(MOMENT.timestamp()))
    assert bar_time(MOMENT.date(), 178, epoch=True) == "20261120"


@pytest.mark.parametrize(
    "text",
    [
        "20261120-15:00:00",
        "20261120 10:00:00",
        "20261120  10:00:00",
        "20261120 10:00:00 US/Eastern",
        "20261120 10:00:00 America/New_York",
        "20261120 09:00:00 US/Central",
    ],
)
def test_client_times_are_understood(text: str) -> None:
    assert parse_time(text) == MOMENT


def test_no_time_is_none_and_a_wrong_one_malformed() -> None:
    assert parse_time("") is None
    for text in (
        "yesterday",
        "20261320 10:00:00",
        "20261120 10:00:00 Mars/Olympus",
        "20261120 ../x",
    ):
        with pytest.raises(MalformedField):
            parse_time(text)
