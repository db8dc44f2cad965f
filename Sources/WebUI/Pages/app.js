// The frame: pages by address, the time range, refreshing.

import { h, replace, dateTime, notice } from './dom.js';
import * as traces from './traces.js';
import * as trace from './trace.js';
import * as metrics from './metrics.js';
import * as logs from './logs.js';
import * as alerts from './alerts.js';

const pages = { traces, trace, metrics, logs, alerts };
const main = document.getElementById('main');
const ranges = [['5m', 5], ['15m', 15], ['30m', 30], ['1h', 60], ['3h', 180], ['6h', 360], ['12h', 720], ['24h', 1440]];
let current = null;
let stop = new AbortController();
let timer = 0;

const address = () => new URL(location.href);

/** The time range of the address: `from` and `to` as `now-1h`, `now` or milliseconds. */
function range(parameters = address().searchParams) {
  const now = Date.now();
  const parse = (text, otherwise) => {
    const match = /^now(?:-(\d+)([smhd]))?$/.exec(text ?? '');
    if (match) return now - Number(match[1] ?? 0) * { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 }[match[2] ?? 's'];
    const number = Number(text);
    return text && Number.isFinite(number) ? number : otherwise;
  };
  const to = parse(parameters.get('to'), now);
  const from = parse(parameters.get('from'), to - 3.6e6);
  return from < to ? { from, to } : { from: to - 3.6e6, to };
}

function withRange(path) {
  const url = new URL(path, location.origin);
  const now = address().searchParams;
  for (const key of ['from', 'to', 'refresh']) {
    if (now.has(key) && !url.searchParams.has(key)) url.searchParams.set(key, now.get(key));
  }
  return url.pathname + url.search;
}

export function navigate(path, { replaced = false } = {}) {
  history[replaced ? 'replaceState' : 'pushState'](null, '', path);
  show();
}

/** Changes parameters of the address; empty ones are removed. Shows the page again. */
function set(changes, options) {
  const url = address();
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') url.searchParams.delete(key);
    else url.searchParams.set(key, value);
  }
  navigate(url.pathname + url.search, options);
}

function show() {
  const [, , name = 'traces', ...rest] = location.pathname.split('/');
  const page = pages[name] ?? null;
  stop.abort();
  stop = new AbortController();
  current?.destroy?.();
  document.title = `${page?.title ?? 'Not found'} · Sidelight`;
  drawNavigation(name === 'trace' ? 'traces' : name);
  drawTools(page);
  main.className = 'page';
  replace(main);
  const context = {
    parameters: address().searchParams, rest, range, set, navigate, withRange, signal: stop.signal,
  };
  current = page ? page.mount(main, context) ?? {} : {};
  if (!page) replace(main, notice('empty', 'There is no such page.', h('a', { href: '/ui/traces' }, 'Search traces')));
  schedule();
}

function schedule() {
  clearInterval(timer);
  const seconds = Number(address().searchParams.get('refresh'));
  if (!(seconds >= 1) || !current?.refresh) return;
  timer = setInterval(() => { if (!document.hidden) current.refresh(); }, seconds * 1000);
}

function drawNavigation(name) {
  const items = [['traces', 'Traces'], ['metrics', 'Metrics'], ['logs', 'Logs'], ['alerts', 'Alerts']];
  replace(document.getElementById('nav'), items.map(([page, label]) => h('a', {
    href: withRange(`/ui/${page}`), 'aria-current': page === name ? 'page' : null,
  }, label)));
}

function drawTools(page) {
  const tools = document.getElementById('tools');
  if (!page || page.ranged === false) return replace(tools);
  const parameters = address().searchParams;
  const absolute = /^\d+$/.test(parameters.get('from') ?? '');
  const chosen = absolute ? 'absolute' : (parameters.get('from') ?? 'now-1h').replace('now-', '');
  const span = range();
  const picker = h('select', {
    'aria-label': 'Time range',
    onchange: (event) => {
      const value = event.target.value;
      if (value === 'absolute') set({ from: Math.round(span.from), to: Math.round(span.to), refresh: '' });
      else set({ from: `now-${value}`, to: '' });
    },
  }, ranges.map(([text]) => h('option', { value: text, selected: text === chosen }, `last ${text}`)),
    h('option', { value: 'absolute', selected: absolute }, 'from – to …'),
    !absolute && !ranges.some(([text]) => text === chosen) && h('option', { value: chosen, selected: true }, `last ${chosen}`));
  const edge = (key, ms) => h('input', {
    type: 'datetime-local', step: '1', 'aria-label': key, value: dateTime(ms).replace(' ', 'T'),
    onchange: (event) => {
      const value = new Date(event.target.value).getTime();
      if (Number.isFinite(value)) set({ [key]: value });
    },
  });
  replace(tools, picker, absolute && [edge('from', span.from), edge('to', span.to)],
    !absolute && h('select', {
      'aria-label': 'Refresh by itself', onchange: (event) => set({ refresh: event.target.value }, { replaced: true }),
    }, [['', 'no refresh'], ['5', 'every 5 s'], ['10', 'every 10 s'], ['30', 'every 30 s'], ['60', 'every 1 m']].map(
      ([value, label]) => h('option', { value, selected: value === (parameters.get('refresh') ?? '') }, label))),
    h('button', { type: 'button', title: 'Ask again (r)', onclick: () => again() }, 'Refresh'));
}

function again() {
  if (current?.refresh) current.refresh();
  else show();
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith('/ui/') || link.hash) return;
  event.preventDefault();
  navigate(url.pathname + url.search);
  window.scrollTo(0, 0);
});

document.addEventListener('keydown', (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === 'r' && !typing && !event.metaKey && !event.ctrlKey && !event.altKey) again();
});

window.addEventListener('popstate', show);
if (location.pathname === '/') history.replaceState(null, '', `/ui/traces${location.search}`);
show();
