// What others do shows within a moment. One tab of a browser holds the stream
// and tells the others; when it closes, another takes over. When the line is
// down, the page says so instead of looking alive.

import { asked, exchange, article, reread, relist } from './panes.js';
import { announce, say } from './words.js';

const silent = 40000; // without a word for so long, the line is down: the server speaks every 15 s
const patience = 2500; // a line that comes back sooner was never missed

// itself marks what a page asks without anybody doing anything.
const itself = { 'HX-Request': 'true', 'Afterbeep-Auto': '1' };

const words = document.getElementById('words') ?? document.body; // at the door there are none
const air = words.dataset.me && 'BroadcastChannel' in window ? new BroadcastChannel(`afterbeep-${words.dataset.me}`) : null;

let seen = Number(words.dataset.seq ?? 0);
let heard = Date.now();
let down = 0; // since when
let source = null;
let waiting = new Set(); // threads that are new to this list
let again = 0;

function counts(data) {
  for (const link of document.querySelectorAll('#views [data-view], #saved [data-view]')) {
    const n = link.querySelector('[data-n]');
    const name = link.dataset.view;
    const count = data[name] ?? 0;
    if (!n || (!(name in data) && name.startsWith('filter.'))) continue; // it was kept a moment ago
    n.textContent = count;
    n.classList.toggle('hot', link.dataset.view === 'overdue' && count > 0);
  }
}

// wait shows that there is more, and reads it out; nothing moves.
function wait() {
  const fresh = document.getElementById('fresh');
  if (!fresh) return;
  if (!waiting.size) {
    fresh.hidden = true;
    return;
  }
  const text = say('fresh', waiting.size);
  if (fresh.textContent !== text) {
    fresh.textContent = text;
    announce(say(waiting.size === 1 ? 'arrivedOne' : 'arrived', waiting.size));
  }
  fresh.hidden = false;
}

// fits says whether a thread is in the list that is shown, as far as a row tells.
function fits(data, list) {
  const is = (name, value) => !list.get(name) || list.get(name) === value;
  return data.views.includes(list.get('view')) && is('channel', data.channel) && is('outcome', data.outcome) &&
    (list.get('view') === 'mine' || is('owner', data.owner));
}

function thread(data) {
  const list = asked();
  const here = fits(data, list);
  if (!exchange(data.id, data.html, !here)) {
    if (here && !list.get('q') && !data.own) waiting.add(data.id); // words are the server's to look for
    else waiting.delete(data.id);
    wait();
  }
  if (article()?.dataset.id === data.id && !data.own) {
    clearTimeout(again);
    again = setTimeout(reread, 60);
  } else if (article()?.dataset.id === data.id) {
    clearTimeout(again);
    again = setTimeout(reread, 800); // her own act brings its own answer; another tab of hers does not
  }
}

function take(message) {
  heard = Date.now();
  if (message.id) seen = Math.max(seen, Number(message.id));
  up();
  switch (message.kind) {
    case 'thread': return thread(message.data);
    case 'counts': return counts(message.data);
    case 'reset': return relist();
  }
}

function up() {
  if (!down) return;
  down = 0;
  const banner = document.getElementById('down');
  if (!banner.hidden) {
    banner.hidden = true;
    announce(say('up'));
  }
}

function fail() {
  down ||= Date.now();
}

function watch() {
  const banner = document.getElementById('down');
  if (Date.now() - heard > silent) fail();
  if (down && Date.now() - down > patience && banner.hidden) {
    banner.textContent = say('down', new Date(heard).toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit' }));
    banner.hidden = false;
  }
  if (source && source.readyState === EventSource.CLOSED) refused();
  else if (source && Date.now() - heard > silent) connect();
}

// refused: the server answered, and it was no stream. Perhaps the session is over.
async function refused() {
  if (Date.now() - tried < 2000) return;
  try {
    const answer = await fetch('/keys', { method: 'HEAD', headers: itself });
    if (answer.status === 401) {
      location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
  } catch {
    fail();
  }
  connect();
}

// connect opens the stream where the last one ended.
let tried = 0;
function connect() {
  if (Date.now() - tried < 2000) return;
  tried = Date.now();
  source?.close();
  source = new EventSource(`/events?after=${seen}`);
  for (const kind of ['hello', 'beat', 'thread', 'counts', 'reset', 'seen']) {
    source.addEventListener(kind, (event) => {
      const message = { kind, id: event.lastEventId, data: JSON.parse(event.data) };
      take(message);
      air?.postMessage(message);
    });
  }
  source.onerror = () => {
    fail();
    air?.postMessage({ kind: 'down' });
  };
}

// keep renews the claim of the open thread, so that it stays hers while she is here.
function keep() {
  const open = article();
  if (open && 'mine' in open.dataset && open.dataset.state === 'working' && document.visibilityState === 'visible') {
    fetch(`/thread/${open.dataset.id}/keep`, { method: 'POST', headers: itself }).catch(fail);
  }
}

export function live() {
  if (air) air.onmessage = (event) => (event.data.kind === 'down' ? fail() : take(event.data));
  // Only one tab holds the lock, for as long as it lives.
  if (air && navigator.locks) navigator.locks.request(`afterbeep-${words.dataset.me}`, () => new Promise(connect));
  else connect();
  setInterval(watch, 1000);
  setInterval(keep, 90000);
  window.addEventListener('offline', fail);
  window.addEventListener('pagehide', () => source?.close());
  window.addEventListener('pageshow', (event) => event.persisted && source && connect());
  document.addEventListener('htmx:afterSettle', (event) => {
    if ((event.detail.target ?? event.target).id !== 'list') return;
    waiting = new Set();
    wait();
  });
}
