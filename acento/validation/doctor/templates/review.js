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
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}
function csv() {
  const lines = rows.map((row, index) => {
    const {action, text} = decision(forms[index]);
    return [...row.slice(0, -2), action, action === 'mend' ? text : ''];
  });
  return [columns, ...lines].map(line => line.map(quoted).join(',') + '\r\n').join('');
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
