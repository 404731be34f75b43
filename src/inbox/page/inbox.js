'use strict';
// The page without this is whole; with it, times are the reader's own, the list lives, and there are keys.

import { follow } from './live.js';
import { listen } from './keys.js';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const both = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

function tellTimes(root) {
  const today = day.format(new Date());
  for (const time of root.querySelectorAll('time')) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.valueOf())) continue;
    const short = time.closest('.list') !== null;
    time.title = time.dateTime;
    time.textContent = short && day.format(date) === today ? clock.format(date) : both.format(date);
  }
}

tellTimes(document);
listen();
follow(tellTimes);
