// Times: the server is told the browser's zone once, and ages go on.

import { say } from './words.js';

export function localise() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const cookie = `afterbeep-zone=${encodeURIComponent(zone)}`;
  if (zone && !document.cookie.split('; ').includes(cookie)) {
    document.cookie = `${cookie}; path=/; max-age=31536000; samesite=lax`;
  }
}

// span is what the server's span is: the largest unit, rounded down.
function span(ms) {
  const minutes = Math.floor(ms / 60000);
  if (minutes < 1) return say('now');
  if (minutes < 60) return say('min', minutes);
  if (minutes < 1440) return say('h', Math.floor(minutes / 60));
  return say('d', Math.floor(minutes / 1440));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function due(element, now) {
  const at = Date.parse(element.dataset.due);
  const whole = Math.max(at - Date.parse(element.dataset.from), 1000);
  const left = at - now;
  const kind = left < 0 ? 'late' : left < Math.max(whole / 4, 900000) ? 'soon' : '';
  write(element, left < 0 ? say('late', span(-left)) : say('due', span(left)));
  element.className = `due ${kind}`.trim();
  const bar = element.parentElement.querySelector('.bar');
  bar.className = `bar ${kind}`.trim();
  bar.firstElementChild.className = `w${Math.min(20, Math.max(0, Math.floor((20 * (whole - left)) / whole)))}`;
}

export function refresh() {
  const now = Date.now();
  for (const t of document.querySelectorAll('time[data-ago]')) write(t, span(now - Date.parse(t.dateTime)));
  for (const d of document.querySelectorAll('.due[data-due]')) due(d, now);
}

export function tick() {
  setInterval(refresh, 15000);
}
