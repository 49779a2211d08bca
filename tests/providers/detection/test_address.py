import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.address import split_address
from threadline.providers.detection import check_address, detect


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "Enter an email address"), ("   ", "Enter an email address"),
        ("anna", "The @ is missing"), ("@northgate.example", "before the @ is missing"),
        ("anna@", "after the @ is missing"), ("anna@@northgate.example", "more than one @"),
        ("anna@northgate", "The part after @ needs a dot, for example northgate.example."),
        ("anna@localhost", "needs a dot"), ("anna@northgate..example", "two dots"),
        ("anna@.northgate.example", "begins with a dot"), ("anna@northgate.example.", "ends with a dot"),
        ("anna smith@northgate.example", "no spaces"), ("anna@north gate.example", "no spaces"),
        ("Anna <anna@northgate.example>", "only the address"), ("a@b.example,c@d.example", "one address only"),
        ("anna@[127.0.0.1]", "must be a name"), ("anna@127.0.0.1", "must be a name"),
        ("anna@north_gate!.example", "cannot be there: !"), ("anna@-northgate.example", "hyphen"),
        ("anna@northgate/x.example", "cannot be there: /"), ("anna\x00@northgate.example", "cannot be there: U+0000"),
        ("a" * 65 + "@northgate.example", "longer than 64"), ("anna@" + "a" * 64 + ".example", "at most 63"),
        ("anna@" + "a." * 130 + "example", "longer than 253"), ('"anna"@northgate.example', 'cannot be there: "'),
    ],
)  # fmt: skip
def test_a_bad_address_gets_a_sentence_that_names_what_is_wrong(address: str, says: str) -> None:
    sentence = check_address(address)
    assert sentence is not None
    assert says in sentence
    assert sentence.endswith(".")
    found = detect(address)
    assert (found.hint, found.provider, found.servers, found.steps, found.domain) == (sentence, None, (), (), "")


@pytest.mark.parametrize(
    ("address", "local", "domain"),
    [
        ("anna@northgate.example", "anna", "northgate.example"),
        ("  Anna.Smith+cv@North-Gate.Example ", "Anna.Smith+cv", "north-gate.example"),
        ("änna@bücher.example", "änna", "xn--bcher-kva.example"),
        ("o'neil@mail.northgate.example", "o'neil", "mail.northgate.example"),
        ("anna..x.@northgate.example", "anna..x.", "northgate.example"),  # seen at Japanese mobile providers
    ],
)
def test_a_good_address_is_taken_apart(address: str, local: str, domain: str) -> None:
    assert check_address(address) is None
    assert split_address(address) == (local, domain)


@given(st.text(max_size=80) | st.text("a@.-[]äß１ ", max_size=20))
def test_every_text_is_either_refused_with_a_sentence_or_has_a_domain_in_ascii(text: str) -> None:
    if check_address(text) is None:
        local, domain = split_address(text)
        assert local
        assert domain.isascii()
        assert not set(domain) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
