"""The doctor's review page: the worst findings with a player each; what is decided on it is downloaded as a CSV."""

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from acento.core.store import Store
from acento.core.version import VERSION
from acento.data.dataset import CLIPS, Card
from acento.data.splits import prompt_of
from acento.validation.doctor.findings import Suspect
from acento.validation.page import document

if TYPE_CHECKING:
    from acento.validation.doctor.examination import DoctorReport

SHOWN = 60
SOUND_BYTES = 12_000_000
"""A page holds at most so many findings, and so many bytes of FLAC (a third more in base64)."""

_STYLE = """
.case{border:1px solid var(--line);border-radius:8px;padding:14px 16px;margin:16px 0}
.case.decided{border-color:var(--ok)}.case h3{font:600 14px ui-monospace,monospace;overflow-wrap:anywhere}
.case audio{width:100%;height:36px;margin:8px 0}.tag{display:inline-block;background:var(--panel);
border:1px solid var(--line);border-radius:4px;padding:0 6px;margin-left:6px;font:12px/20px system-ui,sans-serif}
.score{float:right;color:var(--soft);font-variant-numeric:tabular-nums}
.texts{display:grid;grid-template-columns:max-content 1fr;gap:2px 12px;margin:6px 0;overflow-wrap:anywhere}
.texts b{font-weight:400;color:var(--soft);font-size:13px}
del{color:var(--error);text-decoration-thickness:1px}ins{color:var(--ok);text-decoration-thickness:1px}
form{display:flex;flex-wrap:wrap;gap:6px 16px;align-items:center;margin-top:8px}
label{cursor:pointer}input[type=text]{flex:1 1 260px;font:inherit;color:inherit;background:var(--panel);
border:1px solid var(--line);border-radius:4px;padding:3px 8px}input.missing{border-color:var(--error)}
.bar{position:sticky;top:0;background:var(--paper);border-bottom:1px solid var(--line);padding:10px 0;z-index:1;
display:flex;gap:16px;align-items:center;margin-top:16px}button{font:inherit;font-weight:600;color:var(--paper);
background:var(--ok);border:0;border-radius:6px;padding:6px 14px;cursor:pointer}button:disabled{opacity:.4}
"""

_SCRIPT = """
'use strict';
const {columns, rows} = JSON.parse(document.getElementById('rows').textContent);
const forms = [...document.querySelectorAll('form')];
const count = document.getElementById('count'), save = document.getElementById('save');
function decision(form) {
  return {action: form.elements.action.value, text: form.elements.text.value.trim()};
}
function show() {
  const counts = {keep: 0, drop: 0, mend: 0};
  let missing = 0;
  for (const form of forms) {
    const {action, text} = decision(form), bad = action === 'mend' && !text;
    counts[action] += 1;
    missing += bad;
    form.elements.text.hidden = action !== 'mend';
    form.elements.text.classList.toggle('missing', bad);
    form.parentElement.classList.toggle('decided', action !== 'keep' && !bad);
  }
  count.textContent = `keep ${counts.keep}, drop ${counts.drop}, mend ${counts.mend}` +
    (missing ? `; ${missing} to mend without a text` : '');
  save.disabled = missing > 0;
}
function quoted(value) {
  const text = String(value);
  return /[",\\r\\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}
function csv() {
  const lines = rows.map((row, index) => {
    const {action, text} = decision(forms[index]);
    return [...row.slice(0, -2), action, action === 'mend' ? text : ''];
  });
  return [columns, ...lines].map(line => line.map(quoted).join(',') + '\\r\\n').join('');
}
for (const form of forms) {
  form.addEventListener('input', show);
  form.addEventListener('submit', event => event.preventDefault());
}
save.addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([csv()], {type: 'text/csv'}));
  link.download = 'findings.csv';
  link.click();
  URL.revokeObjectURL(link.href);
});
show();
"""


def sounds(store: Store, card: Card, suspects: Sequence[Suspect]) -> dict[str, bytes]:
    """Return the FLAC bytes of the worst clips, worst first, as many as a page may hold."""
    wanted = {one.id for one in suspects[:SHOWN]}
    found: dict[str, bytes] = {}
    for part in card.parts:
        with pq.ParquetFile(store.local_path(part.key, CLIPS)) as file:
            first = 0
            ids = file.read(columns=["id"], use_threads=False)["id"].to_pylist()
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if wanted & set(ids[first : first + size]):
                    table = file.read_row_group(group, columns=["id", "audio"], use_threads=False)
                    found |= {
                        row["id"]: row["audio"]["bytes"]
                        for row in table.to_pylist()
                        if row["id"] in wanted and (row["audio"] or {}).get("bytes")
                    }
                first += size
    kept, total = dict[str, bytes](), 0
    for one in suspects[:SHOWN]:
        data = found.get(one.id, b"")
        total += len(data)
        if total > SOUND_BYTES:
            break
        kept[one.id] = data
    return kept


def page(report: "DoctorReport", suspects: Sequence[Suspect], audio: dict[str, bytes]) -> str:
    """Return the page of the findings whose audio is given: HTML, with style, script and audio inside."""
    from acento.validation.doctor.examination import COLUMNS, FINDINGS

    shown = [(rank, one) for rank, one in enumerate(suspects, 1) if one.id in audio]
    rows = [
        [s.id, rank, f"{s.score:.2f}", "+".join(s.kinds), s.why, s.reference, s.hypothesis or "", "", ""]
        for rank, s in shown
    ]
    data = json.dumps({"columns": COLUMNS, "rows": rows}, ensure_ascii=False).replace("<", "\\u003c")
    rest = len(suspects) - len(shown)
    more = f" The {rest:,} less suspicious ones are in <a href='{FINDINGS}'>{FINDINGS}</a>." if rest else ""
    facts = [
        ("clips", f"{report.clips:,}"),
        ("findings", f"{report.findings:,}"),
        *((kind.replace("_", " "), f"{count:,}") for kind, count in report.kinds.items()),
        ("base model", report.model),
    ]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    body = f"""<h1>{escape(report.title)}: the doctor's findings</h1>
<p class="soft">What the base model heard in these clips is far from their texts, or does not fit their sound. Listen,
choose what shall become of each, download the CSV, and give it back:
<code>acento datasets mend {escape(report.dataset.partition("@")[0])} --from findings.csv</code>.{more}</p>
<dl>{cells}</dl>
<div class="bar"><button id="save" type="button">Download findings.csv</button>
<span id="count" class="soft"></span></div>
{"".join(_case(rank, one, audio[one.id]) for rank, one in shown)}
<footer>Score: how many deviations (1.4826 × the median absolute deviation) a clip is from what is usual; exchanged
texts come first. <del>In the reference only</del>, <ins>heard only</ins>.<br>Data
{escape(report.dataset_fingerprint)}, model {escape(report.model_digest)}, Acento {escape(VERSION)}.</footer>
<script id="rows" type="application/json">{data}</script>
<script>{_SCRIPT}</script>"""
    digest = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"media-src data:; script-src 'sha256-{digest}'"
    return document(f"{report.title}: findings", body, style=_STYLE, policy=policy)


def marked(reference: str, hypothesis: str) -> tuple[str, str]:
    """Return both texts as HTML, with what only one of them has marked, word by word.

    >>> marked("La casa, roja.", "la cosa roja")
    ('La <del>casa,</del> roja.', 'la <ins>cosa</ins> roja')
    """
    from rapidfuzz.distance import Levenshtein

    texts = reference.split(), hypothesis.split()
    runs: tuple[list[tuple[str, list[str]]], list[tuple[str, list[str]]]] = ([], [])
    for step in Levenshtein.opcodes(*([prompt_of(word) for word in text] for text in texts)):
        stretches = texts[0][step.src_start : step.src_end], texts[1][step.dest_start : step.dest_end]
        for words, tag, into in zip(stretches, ("del", "ins"), runs, strict=True):
            kind = "" if step.tag == "equal" else tag
            if into and into[-1][0] == kind:
                into[-1][1].extend(words)
            elif words:
                into.append((kind, words))
    before, after = (" ".join(_wrapped(tag, " ".join(words)) for tag, words in into) for into in runs)
    return before, after


def _wrapped(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>" if tag else escape(text)


def _case(rank: int, one: Suspect, flac: bytes) -> str:
    """Return one finding with its player and its form."""
    reference, hypothesis = marked(one.reference, one.hypothesis or "")
    tags = "".join(f'<span class="tag">{escape(kind.replace("_", " "))}</span>' for kind in one.kinds)
    facts = [one.split, *([f"speaker {one.speaker}"] if one.speaker else [])]
    rates = [f"{name} {rate:.0%}" for name, rate in (("WER", one.wer), ("CER", one.cer)) if rate is not None]
    sound = f'<audio controls preload="metadata" src="data:audio/flac;base64,{b64encode(flac).decode()}"></audio>'
    chosen = "keep" if one.suggested_action == "mend" and not one.hint_text else one.suggested_action
    choices = "".join(
        f'<label><input type="radio" name="action" value="{action}"{" checked" if action == chosen else ""}> '
        f"{action}</label>"
        for action in ("keep", "drop", "mend")
    )
    text = escape(one.hint_text or one.reference, quote=True)
    hint = f"<b>text of {escape(one.hint)}</b><span>{escape(one.hint_text or '')}</span>" if one.hint else ""
    return f"""<section class="case"><span class="score">{one.score:.1f}</span><h3>{rank}. {escape(one.id)}{tags}</h3>
<p class="soft">{escape(", ".join([*facts, *rates]))}</p><p>{escape(one.why)}</p>
{sound if flac else '<p class="soft">It has no audio.</p>'}
<div class="texts"><b>reference</b><span>{reference}</span><b>heard</b><span>{hypothesis}</span>{hint}</div>
<form>{choices}<input type="text" name="text" value="{text}" aria-label="new text" spellcheck="false"></form></section>
"""
