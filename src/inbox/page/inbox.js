'use strict';
// Times in the reader's own zone; the list anew every two seconds, while someone looks at it.

const PERIOD = 2000;
const state = document.getElementById('state');

function localTimes(root) {
  for (const time of root.querySelectorAll('time')) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.valueOf())) {
      time.title = time.dateTime;
      time.textContent = date.toLocaleString();
    }
  }
}

async function refresh(main) {
  const answer = await fetch('/', { cache: 'no-store' });
  if (!answer.ok) throw new Error(answer.statusText);
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
  if (fresh.dataset.live === main.dataset.live) return main;
  localTimes(fresh);
  main.replaceWith(fresh);
  return fresh;
}

async function live(main) {
  try {
    if (!document.hidden) {
      main = await refresh(main);
      state.textContent = 'live';
      state.className = 'up';
    }
  } catch {
    state.textContent = 'Mailchute is not running';
    state.className = 'down';
  }
  setTimeout(live, PERIOD, main);
}

const main = document.querySelector('main');
localTimes(main);
if (main.dataset.live) live(main);
