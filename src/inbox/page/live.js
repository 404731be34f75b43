'use strict';
// What comes while the page is open: rows of the list, and whether Mailchute runs.

const state = document.getElementById('state');
const news = document.getElementById('news');
// How long to wait where the browser does not try again by itself.
const PAUSE = 2000;

let tellTimes;
let stream;
/** The id of the last event that was seen, or of the page as it was loaded. */
let seen = document.body.dataset.seen;
/** Rows that wait to be put in the list, and how many of them are new. */
let waiting = [];
let unheard = 0;
/** Whether the page is being fetched anew, and whether it has to be once more after that. */
let reloading = false;
let outdated = false;

function say(text, name) {
  if (state.textContent !== text) state.textContent = text;
  state.className = name;
}

/** How many rows the list has room for; none where it is not the newest that are shown. */
const room = () => Number(document.body.dataset.list ?? 0);

function connect() {
  const query = new URLSearchParams();
  const words = new URLSearchParams(location.search).get('q');
  if (words) query.set('q', words);
  if (seen) query.set('after', seen);
  stream = new EventSource(`/events?${query}`);
  stream.addEventListener('open', () => say('live', 'up'));
  stream.addEventListener('message', (event) => {
    seen = event.lastEventId;
    if (waiting.length === 0) requestAnimationFrame(put);
    waiting.push(JSON.parse(event.data));
  });
  stream.addEventListener('reset', (event) => {
    seen = event.lastEventId;
    waiting = [];
    reload();
  });
  stream.addEventListener('error', () => {
    say('Mailchute is not running', 'down');
    if (stream.readyState === EventSource.CLOSED) setTimeout(look, PAUSE);
  });
}

/** Nobody looks at a hidden page, and a browser has few connections to one place. */
function look() {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
    say('paused', '');
  } else if (!stream || stream.readyState === EventSource.CLOSED) {
    connect();
  }
}

/** The page as it is now, in place of what is there; what comes meanwhile is put in it then. */
async function reload() {
  outdated = true;
  if (reloading) return;
  reloading = true;
  while (outdated) {
    outdated = false;
    await renew();
  }
  reloading = false;
  put();
}

async function renew() {
  const answer = await fetch(location.pathname + location.search, { cache: 'no-store' }).catch(() => undefined);
  // A message that is being read stays, even if it is nowhere else any more.
  if (answer?.status === 404) return;
  if (!answer?.ok) {
    outdated = true;
    await new Promise((done) => setTimeout(done, PAUSE));
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const [before, main] = [document, fresh].map((page) => page.querySelector('main'));
  const focused = same(document.activeElement, before, main);
  tellTimes(main);
  before.replaceWith(main);
  focused?.focus({ preventScroll: true });
  document.dispatchEvent(new Event('list'));
}

/** The same element in another state of the page: by where it leads, or by its place among its kind. */
function same(element, before, after) {
  if (!before.contains(element)) return undefined;
  const href = element.getAttribute('href');
  if (href) return after.querySelector(`[href="${CSS.escape(href)}"]`);
  const kind = element.localName;
  return after.querySelectorAll(kind)[[...before.querySelectorAll(kind)].indexOf(element)];
}

/** All that came since the last frame. */
function put() {
  if (reloading || waiting.length === 0) return;
  // Of each the last that was told, and no more than have a place.
  const came = [...new Map(waiting.map((told) => [told.id, told])).values()].slice(-(room() || Infinity));
  waiting = [];
  const rows = document.getElementById('rows');
  if (document.body.dataset.message) beside(came);
  else if (rows) into(rows, came);
  else reload();
}

/** What comes while a message is read: more of it, or a newer one. */
function beside(came) {
  const { message, place } = document.body.dataset;
  if (came.some(({ id }) => id === message)) reload();
  const next = came.find((each) => each.place > Number(place));
  const up = document.querySelector('a[rel=up]');
  if (!next || !up || document.querySelector('a[rel=prev]')) return;
  const newer = document.createElement('a');
  newer.rel = 'prev';
  newer.href = `/messages/${next.id}${location.search}`;
  newer.textContent = 'Newer';
  up.after(' ', newer);
}

function into(rows, came) {
  const steady = [...rows.rows].find((row) => scrollY > 0 && row.getBoundingClientRect().bottom > 0);
  const before = steady?.getBoundingClientRect().top;
  for (const { id, place, row, count } of came) {
    document.getElementById('count').textContent = count;
    document.getElementById('noun').textContent = count === 1 ? 'message' : 'messages';
    putOne(rows, id, place, row);
  }
  document.getElementById('none')?.toggleAttribute('hidden', rows.rows.length > 0);
  trim(rows);
  // Whoever reads further down goes on to read.
  if (steady?.isConnected) scrollBy(0, steady.getBoundingClientRect().top - before);
}

function putOne(rows, id, place, html) {
  const before = document.getElementById(`m-${id}`);
  if (!before && room() === 0) return;
  const template = document.createElement('template');
  // All that a sender wrote is escaped where the row is made.
  template.innerHTML = html;
  const row = template.content.firstElementChild;
  tellTimes(row);
  // What only its own page shows has changed.
  if (before?.isEqualNode(row)) return;
  const focused = before?.contains(document.activeElement);
  before?.remove();
  // The first that is older: nearly always the first of all.
  let next = rows.firstElementChild;
  while (next && Number(next.dataset.place) > place) next = next.nextElementSibling;
  rows.insertBefore(row, next);
  if (focused) row.querySelector('a').focus({ preventScroll: true });
  if (!before) announce(row);
}

/** The oldest go, but for what the reader has in focus or has marked. */
function trim(rows) {
  const marked = getSelection();
  for (const row of [...rows.rows].slice(room() || Infinity)) {
    const held = row.contains(document.activeElement)
      || (!marked.isCollapsed && marked.containsNode(row, true));
    if (!held) row.remove();
  }
}

/** Many that come at once are told as one. */
function announce(row) {
  unheard += 1;
  if (unheard > 1) return;
  setTimeout(() => {
    const subject = row.querySelector('.subject a').textContent;
    news.textContent = unheard === 1 ? `New message: ${subject}` : `${unheard} new messages`;
    unheard = 0;
  }, 1000);
}

export function follow(localTimes) {
  tellTimes = localTimes;
  document.addEventListener('visibilitychange', look);
  look();
}
