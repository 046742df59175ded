// Keys do what a button or a link on the page does; nothing works by key alone.

import { rows, current, moved } from './panes.js';

const views = { m: 'mine', u: 'unclaimed', d: 'due', w: 'waiting', o: 'overdue', a: 'all', c: 'closed' };
let going = 0; // until when a letter after g names a view

function off() {
  return localStorage.getItem('keys') === 'off';
}

// typing: the key belongs to the field that has the focus.
function typing(target) {
  return target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target.tagName === 'INPUT' && !/^(checkbox|radio|button|submit)$/.test(target.type));
}

function shown(element) {
  return element && !element.disabled && element.offsetParent !== null;
}

function press(selector) {
  const element = [...document.querySelectorAll(selector)].reverse().find(shown);
  element?.click();
  return Boolean(element);
}

function focus(selector) {
  const element = [...document.querySelectorAll(selector)].find(shown);
  element?.focus();
  if (element?.select) element.select();
  return Boolean(element);
}

function move(step) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(current());
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
  moved(next);
  return true;
}

// claim takes the open thread, or the one that the focus is on.
function claim() {
  const row = document.activeElement?.closest?.('a.row');
  const open = document.querySelector('#thread article');
  const id = row?.parentElement.dataset.id;
  if (!row || open?.dataset.id === id) return press('[data-key="c"]');
  const view = new URLSearchParams(new URL(row.href).search);
  htmx.ajax('POST', `/thread/${id}/claim`, { source: row, target: '#thread', swap: 'innerHTML show:none', values: { view: view.toString() } });
  return true;
}

function sheet() {
  const dialog = document.getElementById('sheet');
  if (!dialog) return false;
  if (dialog.open) dialog.close();
  else dialog.showModal();
  return true;
}

function act(key) {
  if (going > Date.now()) {
    going = 0;
    const view = views[key];
    if (view) return press(`#views [data-view="${view}"]`);
    if (/^[1-9]$/.test(key)) return press(`#saved li:nth-child(${key}) a`);
  }
  switch (key) {
    case 'j': return move(1);
    case 'k': return move(-1);
    case 'c': return claim();
    case 'g': going = Date.now() + 1500; return true;
    case 'n': case 'z': case 'a': case '6': return focus(`[data-focus="${key}"]`);
    case 'r': return press('#fresh:not([hidden])');
    case '/': return focus('[data-key="/"]');
    case '?': return sheet();
    case '1': case '2': case '3': case '4': case '5':
    case 'e': case 'o': case 'u': case 's': case 't': return press(`[data-key="${key}"]`);
  }
  return false;
}

// within is what Enter and Escape do in a field of the box.
function within(event) {
  const field = event.target;
  if (event.key === 'Escape') {
    field.blur();
    current()?.focus({ preventScroll: true });
    return true;
  }
  if (event.key !== 'Enter' || !field.form || field.form.id !== 'act') return false;
  if (field.tagName === 'TEXTAREA' && !event.ctrlKey && !event.metaKey) return false;
  const button = document.querySelector(`#act [data-submit="${field.id}"]`);
  button?.click();
  return Boolean(button);
}

export function keys() {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    let done;
    if (typing(event.target)) done = within(event);
    else if (event.ctrlKey || event.metaKey || event.altKey || off() || document.querySelector('dialog[open]')) return;
    else if (event.key === 'Escape') done = Boolean(current()?.focus({ preventScroll: true }));
    else done = act(event.key);
    if (done) event.preventDefault();
  });
  document.querySelector('[data-keys]')?.addEventListener('click', (event) => {
    if (sheet()) event.preventDefault();
  });
  const box = document.getElementById('keys-off');
  if (box) {
    box.checked = off();
    box.addEventListener('change', () => localStorage.setItem('keys', box.checked ? 'off' : 'on'));
  }
}
