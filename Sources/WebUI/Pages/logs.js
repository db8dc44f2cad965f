// LogQL: lines, their number over time, paging.

import { h, replace, clock, css, notice, dateTime } from './dom.js';
import { loki } from './api.js';
import { logLine } from './lines.js';
import { Chart } from './chart.js';
import { place } from './metrics.js';

export const title = 'Logs';
const pageSize = 200;
const colours = () => ({ error: css('--bad'), warn: css('--warn'), info: css('--accent'), debug: css('--dim'), '': css('--dim') });

export function mount(main, context) {
  const p = context.parameters;
  const query = p.get('query') ?? '';
  const input = h('textarea', { rows: 1, spellcheck: 'false', 'aria-label': 'LogQL', placeholder: '{service_name="checkout"} |= "timeout"', value: query,
    onkeydown: (event) => { if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); } } });
  const form = h('form', { class: 'query', onsubmit: (event) => { event.preventDefault(); context.set({ query: input.value.trim(), before: '', after: '' }); } },
    input, h('button', { class: 'primary' }, 'Show'));
  const labels = h('div', { class: 'examples' });
  const chart = new Chart({ height: 120, bars: true, label: 'Lines over time', onrange: (from, to) => context.set({ from, to, refresh: '', before: '', after: '' }) });
  const caption = h('p', { class: 'dim' });
  const result = h('section', { 'aria-label': 'Lines' });
  chart.element.hidden = true;
  replace(main, h('h1', { class: 'hidden' }, 'Logs'), form, labels, chart.element, caption, result);
  browse(labels, input, form, context);

  const load = async () => {
    if (!query) {
      return replace(result, notice('empty', 'Choose which logs to read.', 'Pick a label and one of its values above, or write a selector such as {service_name="checkout"}.'));
    }
    const { from, to } = context.range();
    const [before, after] = [p.get('before'), p.get('after')];
    const start = after ?? nanoseconds(from);
    const end = before ?? nanoseconds(to);
    result.classList.add('loading');
    try {
      const data = await loki.range({ query, start, end, limit: pageSize, direction: after ? 'forward' : 'backward' }, context.signal);
      if (data?.resultType && data.resultType !== 'streams') return metric(data, from, to);
      const lines = logLine.streams(data);
      lines.sort((a, b) => b.ns.length - a.ns.length || (a.ns < b.ns ? 1 : a.ns > b.ns ? -1 : 0));
      drawLines(lines, before, after);
      histogram(lines, from, to);
    } catch (error) {
      if (error.name === 'AbortError') return;
      chart.element.hidden = true;
      replace(caption);
      replace(result, notice('error', 'The query failed.', error.message, place(query, error.message)));
    }
    result.classList.remove('loading');
  };

  const drawLines = (lines, before, after) => {
    if (!lines.length) {
      return replace(result, notice('empty', before ? 'No older lines in this time range.' : after ? 'No newer lines in this time range.' : 'No line matches.',
        'Widen the time range or loosen the query.', (before || after) && h('button', { type: 'button', onclick: () => context.set({ before: '', after: '' }) }, 'Back to the newest')));
    }
    const full = lines.length >= pageSize;
    const pager = () => h('div', { class: 'pager' },
      h('button', { type: 'button', disabled: !(before || after), onclick: () => context.set({ after: String(BigInt(lines[0].ns) + 1n), before: '' }) }, '↑ Newer'),
      h('button', { type: 'button', disabled: !(full || after), onclick: () => context.set({ before: lines.at(-1).ns, after: '' }) }, '↓ Older'),
      (before || after) && h('button', { type: 'button', onclick: () => context.set({ before: '', after: '' }) }, 'Newest'),
      h('span', {}, `${lines.length}${full ? ' (a page)' : ''} lines, ${dateTime(lines.at(-1).ms)} – ${clock(lines[0].ms)}, newest first`));
    replace(result, pager(), h('div', { class: 'lines' }, lines.map((line) => logLine.row(line, context))), lines.length > 30 && pager());
  };

  /** Counts of the whole range where the server computes them, else of the lines shown. */
  const histogram = async (lines, from, to) => {
    const step = Math.max(1, Math.ceil((to - from) / 1000 / 100));
    const [first, last] = [Math.floor(from / 1000 / step) * step, Math.ceil(to / 1000 / step) * step];
    let series = null;
    try {
      const data = await loki.range({ query: `sum(count_over_time(${query}[${step}s]))`, start: nanoseconds((first + step) * 1000), end: nanoseconds(last * 1000), step }, context.signal);
      if (data?.resultType === 'matrix') {
        series = [{ name: 'lines', colour: css('--accent'), points: (data.result[0]?.values ?? []).map(([t, v]) => [(t - step) * 1000, Number(v)]) }];
        caption.textContent = `Lines per ${step} s.`;
      }
    } catch (error) {
      if (error.name === 'AbortError') return;
    }
    if (!series) {
      const buckets = {};
      for (const line of lines) {
        const bucket = Math.floor(line.ms / 1000 / step) * step * 1000;
        const level = buckets[line.level] ??= new Map();
        level.set(bucket, (level.get(bucket) ?? 0) + 1);
      }
      series = Object.entries(buckets).map(([level, counts]) => ({ name: level || 'no level', colour: colours()[level], points: [...counts].sort((a, b) => a[0] - b[0]) }));
      caption.textContent = lines.length >= pageSize ? `Lines per ${step} s, of the ${lines.length} shown only.` : `Lines per ${step} s.`;
    }
    chart.element.hidden = !lines.length;
    caption.hidden = !lines.length;
    chart.set({ series, from: first * 1000, to: last * 1000, step });
  };

  const metric = (data, from, to) => {
    replace(result, notice('empty', 'This is a metric query.', `It has ${data.result?.length ?? 0} series. The Logs page shows lines and counts; the graph shows the first 20 series.`));
    result.classList.remove('loading');
    const all = (data.result ?? []).slice(0, 20);
    const step = Math.max(1, Math.ceil((to - from) / 1000 / 100));
    const shades = Object.values(colours());
    chart.bars = false;
    chart.element.hidden = !all.length;
    chart.set({ from, to, step, series: all.map((s, i) => ({ name: JSON.stringify(s.metric), colour: shades[i % shades.length], points: (s.values ?? []).map(([t, v]) => [t * 1000, Number(v)]) })) });
  };
  load();
  return { refresh: load, destroy: () => chart.destroy() };
}

const nanoseconds = (ms) => `${BigInt(Math.round(ms)) * 1000000n}`;

/** Labels to choose from; a value becomes the selector. */
async function browse(box, input, form, context) {
  const { from, to } = context.range();
  const bounds = { start: nanoseconds(from), end: nanoseconds(to) };
  let names = [];
  try { names = await loki.labels(bounds, context.signal); } catch { return; }
  const label = h('select', { 'aria-label': 'Label' }, h('option', { value: '' }, 'label …'), names.map((n) => h('option', {}, n)));
  const value = h('select', { 'aria-label': 'Value', disabled: true }, h('option', { value: '' }, 'value …'));
  label.addEventListener('change', async () => {
    value.disabled = true;
    if (!label.value) return;
    try {
      const values = await loki.values(label.value, bounds, context.signal);
      replace(value, h('option', { value: '' }, `${values.length} values …`), values.slice(0, 1000).map((v) => h('option', {}, v)));
      value.disabled = false;
    } catch { replace(value, h('option', { value: '' }, 'could not be read')); }
  });
  value.addEventListener('change', () => {
    const matcher = `${label.value}=${JSON.stringify(value.value)}`;
    const rest = input.value.trim();
    const match = /^\{([^}]*)\}/.exec(rest);
    const kept = (match?.[1] ?? '').split(/,\s*(?=[A-Za-z_]\w*\s*[=!])/).filter((m) => m.trim() && !m.trim().startsWith(`${label.value}=`));
    input.value = `{${[...kept, matcher].join(', ')}}${match ? rest.slice(match[0].length) : rest ? ` ${rest}` : ''}`;
    form.requestSubmit();
  });
  if (names.length) replace(box, 'Narrow by ', label, value);
}
