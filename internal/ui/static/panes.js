// The list and the thread beside it: which row is meant, which thread is open,
// and how the two change without losing place, focus or what was typed.

import { announce, say } from './words.js';
import { refresh } from './clock.js';

const frame = document.getElementById('frame');
const pane = document.getElementById('thread');
let place = null; // the row that j and k start from
let turn = 0; // grows with each exchange of the pane: an answer to an older question is dropped

export function rows() {
  return [...document.querySelectorAll('#threads a.row')];
}

// current is the row that has the focus, else the one that is open.
export function current() {
  const focused = document.activeElement?.closest?.('a.row');
  if (focused) return focused;
  if (place?.isConnected) return place;
  const same = place && document.getElementById(place.parentElement?.id ?? '')?.querySelector('a.row');
  return same || document.querySelector('#threads a.row[aria-current]');
}

export function moved(row) {
  place = row;
}

// asked is what the list that is shown was asked for.
export function asked() {
  const at = document.getElementById('fresh')?.href;
  return at ? new URL(at).searchParams : new URLSearchParams();
}

export function article() {
  return pane?.querySelector('article');
}

// mark shows in the list which thread is open.
function mark() {
  const id = article()?.dataset.id;
  for (const row of rows()) {
    if (row.parentElement.dataset.id === id) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
  }
}

// typed says whether the box holds something that must not be lost.
export function typed() {
  const box = document.getElementById('act');
  return Boolean(box && (box.contains(document.activeElement) || box.querySelector('textarea')?.value));
}

// exchange puts a row that was sent into the place of the one that is there.
export function exchange(id, html, gone) {
  const old = document.getElementById(`t-${id}`);
  if (!old) return false;
  const shell = document.createElement('template');
  shell.innerHTML = html.trim();
  const fresh = shell.content.firstElementChild;
  const link = fresh.querySelector('a.row');
  const was = old.querySelector('a.row');
  link.href = was.getAttribute('href');
  link.setAttribute('hx-get', link.getAttribute('href'));
  if (was.hasAttribute('aria-current')) link.setAttribute('aria-current', 'true');
  fresh.classList.toggle('left', gone);
  const focused = old.contains(document.activeElement);
  old.replaceWith(fresh);
  htmx.process(fresh);
  if (place === was) place = link;
  if (focused) link.focus({ preventScroll: true });
  return true;
}

// reread brings the open thread up to date, but leaves the box alone while
// somebody writes in it.
export async function reread() {
  const open = article();
  if (!open) return;
  const id = open.dataset.id;
  const shown = document.querySelector('#act [name=shown]')?.value ?? '';
  const asked = turn;
  const query = new URLSearchParams(location.search);
  if (shown) query.set('shown', shown);
  query.delete('did');
  const answer = await fetch(`/thread/${id}?${query}`, {
    headers: { 'HX-Request': 'true', 'HX-Target': 'thread', 'Afterbeep-Auto': '1' },
  });
  const text = await answer.text();
  if (!answer.ok || asked !== turn || article()?.dataset.id !== id) return;
  const shell = document.createElement('template');
  shell.innerHTML = text;
  for (const part of ['t-head', 't-said', 't-line', ...(typed() ? [] : ['act'])]) {
    const fresh = shell.content.getElementById(part);
    const old = document.getElementById(part);
    if (!fresh || !old || old.contains(document.activeElement) || fresh.isEqualNode(old)) continue;
    old.replaceWith(fresh);
    htmx.process(fresh);
  }
}

// relist loads the list anew, in its place.
export function relist() {
  const at = document.getElementById('fresh')?.getAttribute('href');
  if (at) htmx.ajax('GET', at, { target: '#list', swap: 'innerHTML show:none' });
}

function opened(target) {
  if (target.id === 'thread') {
    frame.dataset.pane = 'thread';
    mark();
    pane.scrollTop = 0;
    const caller = document.getElementById('caller');
    if (caller && document.getElementById('list').offsetParent === null) caller.focus();
    else announce(say('opened', caller?.textContent.trim() ?? ''));
  }
  if (target.id === 'list') {
    frame.dataset.pane = 'list';
    sight();
    mark();
  }
  refresh();
}

// sight brings the view that is open into sight, where the views are one line.
function sight() {
  document.querySelector('.views [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

export function panes() {
  sight();
  const open = document.querySelector('#threads a.row[aria-current]');
  if (open) {
    place = open;
    open.scrollIntoView({ block: 'nearest' });
  }
  // After an act the focus goes back to the row, unless it is somewhere on purpose.
  document.addEventListener('htmx:afterSettle', (event) => {
    opened(event.detail.target ?? event.target);
    const toast = pane.querySelector('[data-toast]');
    if (toast && event.detail.target === pane && !document.activeElement?.closest('a.row')) {
      const row = current();
      if (row?.offsetParent) row.focus({ preventScroll: true });
      else document.getElementById('caller')?.focus();
    }
  });
  for (const moment of ['htmx:beforeRequest', 'htmx:beforeSwap']) {
    document.addEventListener(moment, (event) => {
      if (event.detail.target === pane) turn++;
    });
  }
  document.addEventListener('focusin', (event) => {
    const row = event.target.closest?.('#threads a.row');
    if (row) place = row;
  });
  document.addEventListener('click', (event) => {
    const back = event.target.closest?.('a.back');
    if (back && document.getElementById('threads')) {
      event.preventDefault();
      frame.dataset.pane = 'list';
      history.pushState(null, '', back.href);
      current()?.focus();
    }
    if (event.target.closest?.('#fresh')) {
      event.preventDefault();
      relist();
    }
    const print = event.target.closest?.('[data-print]');
    if (print && !event.ctrlKey && !event.metaKey) print.target = '_blank';
  });
}
