'use strict';
// Everything by keyboard, and what needs a question first.

const links = () => [...document.querySelectorAll('#rows .subject a')];
const search = () => document.querySelector('input[type=search]');

function follow(selector) {
  const link = document.querySelector(selector);
  link?.click();
  return Boolean(link);
}

/** The row that is `step` further than the one in focus; without one, the first. */
function move(step) {
  const rows = links();
  if (rows.length === 0) return follow(step > 0 ? 'a[rel=next]' : 'a[rel=prev]');
  const at = rows.findIndex((link) => link.closest('tr').contains(document.activeElement));
  const next = rows[at < 0 ? 0 : at + step];
  next?.focus();
  next?.closest('tr').scrollIntoView({ block: 'nearest' });
  return true;
}

/** Back to the list as it was left: the same search, the same page of it, the same message. */
function back() {
  if (!document.querySelector('a[rel=up]')) return false;
  sessionStorage.setItem('left', document.body.dataset.message ?? '');
  location.assign(sessionStorage.getItem('list') ?? '/');
  return true;
}

function comeBack() {
  sessionStorage.setItem('list', location.pathname + location.search);
  const row = document.getElementById(`m-${sessionStorage.getItem('left')}`);
  sessionStorage.removeItem('left');
  row?.querySelector('a').focus();
  row?.scrollIntoView({ block: 'center' });
}

function escape() {
  if (document.activeElement === search()) {
    search().blur();
    return true;
  }
  return back();
}

function show(dialog, then) {
  dialog.returnValue = '';
  dialog.onclose = () => then?.(dialog.returnValue);
  dialog.showModal();
  return true;
}

const help = () => show(document.getElementById('keys'));

function find() {
  search().focus();
  search().select();
  return true;
}

const KEYS = {
  j: () => move(1),
  ArrowDown: () => move(1),
  k: () => move(-1),
  ArrowUp: () => move(-1),
  u: back,
  Escape: escape,
  d: () => follow('a[rel=enclosure]'),
  '/': find,
  '?': help,
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  const { target, key } = event;
  const typing = target.matches('input, textarea, select');
  if (typing && key !== 'Escape') return;
  // A text that scrolls has the arrows for itself.
  if (key.startsWith('Arrow') && links().length === 0) return;
  const tab = /^[1-9]$/.test(key) && document.querySelectorAll('.tabs a')[Number(key) - 1];
  const done = tab ? (tab.click(), true) : KEYS[key]?.();
  if (done) event.preventDefault();
}

function offerToClear() {
  const button = document.getElementById('clear');
  if (!button) return;
  button.hidden = false;
  button.onclick = () => show(document.getElementById('clearing'), async (answer) => {
    if (answer === 'clear') await fetch('/api/v1/messages', { method: 'DELETE' });
  });
}

export function listen() {
  document.addEventListener('keydown', pressed);
  const button = document.getElementById('help');
  button.hidden = false;
  button.onclick = help;
  offerToClear();
  document.addEventListener('list', offerToClear);
  if (location.pathname === '/') comeBack();
  document.addEventListener('click', (event) => {
    if (event.target.closest('a[rel=up]') && !event.ctrlKey && !event.metaKey && back()) event.preventDefault();
  });
}
