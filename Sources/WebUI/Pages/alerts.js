// Rules, the alerts they raise, and what happened before.

import { h, replace, ago, dateTime, short, notice } from './dom.js';
import { prometheus, sidelight } from './api.js';

export const title = 'Alerts';
export const ranged = true;

const rank = { firing: 0, pending: 1, inactive: 2 };
const stateOf = (rule) => (rule.type === 'recording' ? 'recording' : rule.state ?? 'inactive');

export function mount(main, context) {
  const only = context.parameters.get('state') ?? '';
  const body = h('div', { 'aria-live': 'polite' });
  const past = h('div', {});
  replace(main, h('h1', { class: 'hidden' }, 'Alerts'), body, past);
  const opened = new Map();
  const load = async () => {
    try {
      drawGroups(body, await prometheus.rules(context.signal), only, opened, context);
    } catch (error) {
      if (error.name !== 'AbortError') replace(body, notice('error', 'The rules could not be read.', error.message));
    }
    try {
      const answer = await sidelight.history(context.signal);
      drawHistory(past, answer.transitions ?? []);
    } catch (error) {
      if (error.name !== 'AbortError') replace(past, h('h2', {}, 'History'), notice('error', 'The history could not be read.', error.message));
    }
  };
  load();
  return { refresh: load };
}

function drawGroups(body, groups, only, opened, context) {
  const rules = groups.flatMap((g) => g.rules ?? []);
  if (!rules.length) {
    return replace(body, notice('empty', 'There are no rules.', 'Start the server with --rules FILE: the format is that of Prometheus.'));
  }
  const count = (state) => rules.filter((r) => stateOf(r) === state).length;
  const broken = rules.filter((r) => r.health === 'err').length;
  const button = (value, label) => h('button', { type: 'button', 'aria-pressed': String(only === value), onclick: () => context.set({ state: value }) }, label);
  const shown = (rule) => !only || (only === 'broken' ? rule.health === 'err' : stateOf(rule) === only);
  const kept = groups.map((g) => ({ ...g, rules: (g.rules ?? []).filter(shown) })).filter((g) => g.rules.length);
  kept.forEach((g) => g.rules.sort((a, b) => (rank[stateOf(a)] ?? 3) - (rank[stateOf(b)] ?? 3)));
  replace(body, h('div', { class: 'counts' }, button('', `All ${rules.length}`), button('firing', `Firing ${count('firing')}`), button('pending', `Pending ${count('pending')}`),
    button('inactive', `Quiet ${count('inactive')}`), button('recording', `Recording ${count('recording')}`), broken > 0 && button('broken', `Failing to evaluate ${broken}`)),
    !kept.length && notice('empty', only === 'firing' ? 'Nothing fires.' : 'No rule is in this state.'),
    kept.map((group) => h('section', { class: 'group' },
      h('header', {}, h('h2', {}, group.name), h('span', { class: 'dim' }, group.file), h('span', { class: 'dim' }, `every ${group.interval} s`),
        h('span', { class: 'dim' }, evaluated(group.lastEvaluation))),
      group.rules.map((rule) => drawRule(rule, `${group.file} ${group.name} ${rule.name}`, opened, context)))));
}

const evaluated = (time) => {
  const ms = Date.parse(time ?? '');
  return ms > 0 ? `evaluated ${ago(ms)} ago` : 'not evaluated yet';
};

function drawRule(rule, key, opened, context) {
  const state = stateOf(rule);
  const alerts = (rule.alerts ?? []).slice().sort((a, b) => (rank[a.state] ?? 3) - (rank[b.state] ?? 3) || Date.parse(a.activeAt) - Date.parse(b.activeAt));
  const open = opened.get(key) ?? (state === 'firing' || state === 'pending' || rule.health === 'err');
  const graph = context.withRange(`/ui/metrics?expr=${encodeURIComponent(rule.query)}`);
  return h('details', { class: `rule ${state}`, open, ontoggle: (event) => opened.set(key, event.target.open) },
    h('summary', {}, h('span', {}, rule.name), h('span', { class: `badge ${state} ${state === 'inactive' ? 'ok' : ''}` }, state === 'inactive' ? 'quiet' : state),
      alerts.length > 1 && h('span', { class: 'badge' }, `${alerts.length} alerts`), rule.health === 'err' && h('span', { class: 'badge bad' }, 'fails'),
      rule.labels?.severity && h('span', { class: 'tag' }, rule.labels.severity), rule.duration > 0 && h('span', { class: 'dim' }, `for ${rule.duration} s`)),
    rule.lastError && h('p', { class: 'note bad' }, rule.lastError),
    h('a', { class: 'expression', href: graph, title: 'Draw this expression' }, h('code', {}, rule.query)),
    !alerts.length && rule.annotations?.summary && h('p', { class: 'dim' }, rule.annotations.summary),
    alerts.map((alert) => drawAlert(alert)));
}

function drawAlert(alert) {
  const since = Date.parse(alert.activeAt);
  const { summary, description, ...rest } = alert.annotations ?? {};
  return h('div', { class: 'alert' },
    h('div', { class: 'counts' }, h('span', { class: `badge ${alert.state}` }, alert.state), h('span', {}, `since ${dateTime(since)} (${ago(since)})`), h('span', {}, 'value ', h('b', {}, short(Number(alert.value))))),
    summary && h('p', { class: 'summary' }, summary), description && h('p', {}, description),
    Object.entries(rest).map(([name, value]) => h('p', {}, h('span', { class: 'dim' }, `${name}: `), link(value))),
    h('div', { class: 'labels' }, Object.entries(alert.labels ?? {}).map(([k, v]) => h('span', { class: 'tag' }, `${k}=${v}`))));
}

/** An address on the web as a link; other schemes stay text. */
const link = (text) => (/^https?:\/\/\S+$/.test(text) ? h('a', { href: text, rel: 'noopener noreferrer', target: '_blank' }, text) : text);

function drawHistory(box, transitions) {
  const rows = transitions.slice(0, 200).map((t) => h('tr', {}, h('td', {}, dateTime(Date.parse(t.at))), h('td', {}, h('b', {}, t.rule), h('div', { class: 'dim' }, t.group)),
    h('td', {}, h('span', { class: 'dim' }, `${t.from} → `), h('span', { class: `badge ${t.to}` }, t.to)), h('td', {}, short(Number(t.value))),
    h('td', {}, h('div', { class: 'labels' }, Object.entries(t.labels ?? {}).filter(([k]) => k !== 'alertname').map(([k, v]) => h('span', { class: 'tag' }, `${k}=${v}`))))));
  replace(box, h('h2', {}, 'History'), rows.length ? h('div', { class: 'tablebox' }, h('table', { class: 'history' }, h('thead', {}, h('tr', {}, ['When', 'Rule', 'Change', 'Value', 'Labels'].map((n) => h('th', { scope: 'col' }, n)))), h('tbody', {}, rows)))
    : notice('empty', 'No alert has changed its state yet.'));
}
