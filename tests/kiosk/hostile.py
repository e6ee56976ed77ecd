"""Texts that somebody may have written to break a page, a terminal or a table; for every text a page shows."""

HOSTILE = {
    "markup": "<img src=x onerror=\"document.title='owned'\"><b>bold</b>",
    "script": "</h1><script>document.title='owned'</script>",
    "bidi": "\u202egnp.txt\u2066\u2069 abc",
    "ansi": "\x1b[31mred\x1b[0m\x00\x07",
    "formula": '=HYPERLINK("http://evil.example","click")',
    "template": "${document.title='owned'} {ask}{gate} {{7*7}}",
    "marks": "Z" + "\u0335\u0321" * 10_000,
    "long": "North-entrance-" * 400,
    "wide": "\ufdfa" * 100,
    "unseen": "\u200b\ufeff",
    "spaces": "a" + "\n\t " * 500 + "b",
}
