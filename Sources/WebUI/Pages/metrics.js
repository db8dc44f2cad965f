// PromQL: a query, its graph, its values.

import { h, replace, palette, short, notice } from './dom.js';
import { prometheus } from './api.js';
import { Chart } from './chart.js';

export const title = 'Metrics';

const examples = [
  'sum by (destination_workload) (rate(istio_requests_total[5m]))',
  'sum(rate(istio_requests_total{response_code=~"5.."}[5m])) / sum(rate(istio_requests_total[5m]))',
  'histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket[5m])))',
];
const functions = ['rate', 'increase', 'irate', 'sum', 'avg', 'min', 'max', 'count', 'topk', 'bottomk', 'quantile', 'histogram_quantile', 'sum by', 'avg_over_time', 'max_over_time', 'min_over_time', 'sum_over_time', 'count_over_time', 'quantile_over_time', 'absent', 'delta', 'deriv', 'predict_linear', 'changes', 'resets', 'label_replace', 'clamp_min', 'clamp_max', 'sort_desc', 'vector', 'scalar', 'time'];
const seriesMax = 200;

export function mount(main, context) {
  const query = context.parameters.get('expr') ?? '';
  const input = h('textarea', { rows: Math.max(1, Math.min(8, query.split('\n').length)), spellcheck: 'false', autocapitalize: 'off', 'aria-label': 'PromQL', placeholder: 'PromQL, for example rate(http_requests_total[5m])', value: query });
  const form = h('form', { class: 'query', onsubmit: (event) => { event.preventDefault(); context.set({ expr: input.value.trim() }); } },
    completed(input, () => form.requestSubmit(), context), h('button', { class: 'primary' }, 'Draw'));
  const chart = new Chart({ label: 'Graph of the query', onrange: (from, to) => context.set({ from, to, refresh: '' }) });
  const message = h('div', { 'aria-live': 'polite' });
  const legend = h('div', { class: 'tablebox' });
  const hints = h('div', { class: 'examples' }, 'Try ', examples.map((text) => h('button', { type: 'button', onclick: () => context.set({ expr: text }) }, text)));
  chart.element.hidden = true;
  replace(main, h('h1', { class: 'hidden' }, 'Metrics'), form, !query && hints, message, chart.element, legend);
  if (!query) input.focus();

  const load = async () => {
    if (!query) return;
    const { from, to } = context.range();
    // About one point for every two pixels, on whole seconds, so that neighbouring queries agree.
    const step = Math.max(1, Math.ceil((to - from) / 1000 / Math.max(100, Math.min(900, main.clientWidth / 2))));
    const [start, end] = [Math.floor(from / 1000 / step) * step, Math.ceil(to / 1000 / step) * step];
    chart.element.classList.add('loading');
    try {
      const body = await prometheus.range({ query, start, end, step }, context.signal);
      const all = body.data?.result ?? [];
      const off = new Set(chart.series.filter((s) => s.hidden).map((s) => s.name));
      const series = all.slice(0, seriesMax).map((s, index) => {
        const name = metricText(s.metric);
        return { name, colour: palette[index % palette.length], hidden: off.has(name), points: (s.values ?? []).map(([t, v]) => [t * 1000, number(v)]) };
      });
      replace(message, [...(body.warnings ?? []), ...(body.infos ?? [])].map((text) => h('p', { class: 'note' }, text)),
        all.length > seriesMax && h('p', { class: 'note' }, `${all.length} series; the first ${seriesMax} are drawn. Use topk() or sum by () for fewer.`),
        (all[0]?.histograms?.length ?? 0) > 0 && h('p', { class: 'note' }, 'Native histograms cannot be drawn as lines: use histogram_quantile() or histogram_sum().'),
        !all.length && notice('empty', 'The query has no result in this time range.', 'Check the metric name and the label matchers, or widen the time range.'));
      chart.element.hidden = !all.length;
      chart.set({ series, from: start * 1000, to: end * 1000, step });
      drawLegend(legend, series, chart);
    } catch (error) {
      if (error.name === 'AbortError') return;
      chart.element.hidden = true;
      replace(legend);
      replace(message, notice('error', 'The query failed.', error.message, place(query, error.message)));
    }
    chart.element.classList.remove('loading');
  };
  load();
  return { refresh: load, destroy: () => chart.destroy() };
}

const number = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

/** Shows where the query is wrong, when the message says line and column. */
export function place(query, message) {
  const match = /\b(?:line )?(\d+)(?::|, col )(\d+)\b/.exec(message);
  const line = match && query.split('\n')[Number(match[1]) - 1];
  if (line === undefined || line === null) return null;
  return h('pre', {}, `${line}\n${' '.repeat(Math.max(0, Number(match[2]) - 1))}▲`);
}

function metricText(metric) {
  const { __name__: name = '', ...labels } = metric ?? {};
  const text = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(', ');
  return text ? `${name}{${text}}` : name || '{}';
}

function drawLegend(box, series, chart) {
  if (!series.length) return replace(box);
  const rows = series.map((s) => {
    const values = s.points.map(([, v]) => v).filter(Number.isFinite);
    const [sum, count] = [values.reduce((a, b) => a + b, 0), values.length];
    const row = h('tr', { class: s.hidden ? 'off' : '', onmouseenter: () => { chart.marked = s.hidden ? null : s; chart.draw(); }, onmouseleave: () => { chart.marked = null; chart.draw(); } },
      h('td', {}, h('button', {
        type: 'button', 'aria-pressed': String(!s.hidden), title: 'Click: only this one. Ctrl-click: hide or show.', onclick: (event) => {
          const alone = series.every((other) => other.hidden === (other !== s));
          if (event.ctrlKey || event.metaKey) s.hidden = !s.hidden;
          else for (const other of series) other.hidden = alone ? false : other !== s;
          drawLegend(box, series, chart);
          chart.draw();
        },
      }, h('span', { class: 'dot', style: { '--c': s.colour } }), h('span', {}, s.name))),
      [values.at(-1), values.reduce((a, b) => Math.min(a, b), Infinity), sum / count, values.reduce((a, b) => Math.max(a, b), -Infinity)].map((v) => h('td', {}, count ? short(v) : '–')));
    return row;
  });
  replace(box, h('table', { class: 'legend' }, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, `${series.length} series`), ['last', 'min', 'mean', 'max'].map((n) => h('th', { scope: 'col' }, n)))), h('tbody', {}, rows)));
}

/** Completes metric names and functions at the cursor. Enter submits, Shift-Enter makes a new line. */
function completed(input, submit, context) {
  const list = h('ul', { role: 'listbox', id: 'suggestions', hidden: true });
  const box = h('div', { class: 'suggest' }, input, list);
  let [names, chosen, word, shown] = [null, -1, '', []];
  input.setAttribute('role', 'combobox');
  input.setAttribute('aria-controls', 'suggestions');
  input.setAttribute('aria-expanded', 'false');
  const close = () => { list.hidden = true; chosen = -1; input.setAttribute('aria-expanded', 'false'); };
  const take = (text) => {
    const at = input.selectionStart;
    const known = functions.includes(text);
    const inserted = known ? `${text}(` : text;
    input.setRangeText(inserted, at - word.length, at, 'end');
    close();
    input.focus();
  };
  const draw = () => replace(list, shown.map((text, index) => h('li', { role: 'option', 'aria-selected': String(index === chosen), onmousedown: (event) => { event.preventDefault(); take(text); } }, text)));
  const suggest = async () => {
    const before = input.value.slice(0, input.selectionStart);
    word = /[a-zA-Z_:][\w:]*$/.exec(before)?.[0] ?? '';
    const quoted = (before.match(/"/g)?.length ?? 0) % 2 === 1 || /\[[^\]]*$/.test(before);
    if (word.length < 2 || quoted) return close();
    try { names ??= await prometheus.names(context.signal); } catch { names = []; }
    const lower = word.toLowerCase();
    const rank = (n) => (n.toLowerCase().startsWith(lower) ? 0 : 1);
    shown = [...functions, ...names].filter((n) => n.toLowerCase().includes(lower) && n !== word).sort((a, b) => rank(a) - rank(b)).slice(0, 30);
    chosen = -1;
    list.hidden = !shown.length;
    input.setAttribute('aria-expanded', String(shown.length > 0));
    draw();
  };
  input.addEventListener('input', suggest);
  input.addEventListener('blur', close);
  input.addEventListener('keydown', (event) => {
    if (!list.hidden && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      chosen = (chosen + (event.key === 'ArrowDown' ? 1 : -1) + shown.length) % shown.length;
      draw();
      list.children[chosen]?.scrollIntoView({ block: 'nearest' });
      event.preventDefault();
    } else if (!list.hidden && (event.key === 'Tab' || (event.key === 'Enter' && chosen >= 0))) {
      take(shown[Math.max(0, chosen)]);
      event.preventDefault();
    } else if (event.key === 'Escape') close();
    else if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); close(); submit(); }
  });
  return box;
}
