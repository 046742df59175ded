// What scripts add to pages that work without them: keys, parts of pages, live
// rows, ages that go on. Each job has its module.

import { localise, tick } from './clock.js';
import { keys } from './keys.js';
import { live } from './live.js';
import { panes } from './panes.js';

localise();
if (document.getElementById('words')) {
  keys();
}
if (document.getElementById('frame')) {
  panes();
  live();
}
tick();
document.documentElement.dataset.scripted = ''; // keys work from here on
