// Log lines: one shape for what Loki's API and our own answer, and how a line is shown.

import { h, replace, clock, dateTime, longText, copyButton } from './dom.js';

const levels = [['error', /^(e|err|error|fatal|crit|critical|emerg|alert|panic|severe)/i], ['warn', /^w/i], ['debug', /^(d|debug|trace|fine|verbose)/i], ['info', /^(i|notice)/i]];

function levelOf(labels, text) {
  let word = labels.level ?? labels.severity ?? labels.detected_level ?? labels.severity_text ?? labels.lvl;
  if (word === undefined) {
    const match = /"(?:level|severity|severity_text|lvl)"\s*:\s*"([A-Za-z]+)"|\blevel=([A-Za-z]+)|\b(FATAL|ERROR|WARN(?:ING)?|INFO|DEBUG|TRACE)\b/.exec(text.slice(0, 400));
    word = match?.[1] ?? match?.[2] ?? match?.[3] ?? '';
  }
  const level = levels.find(([, pattern]) => pattern.test(word))?.[0];
  if (level) return level;
  const status = /"status(?:_code)?"\s*:\s*"?([1-5]\d\d)\b/.exec(text.slice(0, 2000))?.[1];
  return status ? (status >= '500' ? 'error' : status >= '400' ? 'warn' : 'info') : '';
}

function make(ns, text, labels, traceID, spanID) {
  return {
    ns: String(ns), ms: Number(BigInt(ns) / 1000n) / 1000, text, labels, level: levelOf(labels, text),
    traceID: traceID || labels.trace_id || labels.traceID || labels.traceId || /"?trace_?id"?\s*[:=]\s*"?([0-9a-f]{16,32})\b/i.exec(text)?.[1] || '',
    spanID: spanID || labels.span_id || labels.spanId || '',
  };
}

/** Lines of Loki's `streams` result. */
function streams(data) {
  const lines = [];
  for (const { stream, values } of data?.result ?? []) {
    for (const [ns, text, metadata] of values) {
      lines.push(make(ns, text, metadata ? { ...stream, ...(metadata.structuredMetadata ?? metadata) } : stream));
    }
  }
  return lines;
}

/** Lines of our own API, oldest first. */
function list(body) {
  return (body?.lines ?? body?.data ?? []).map((l) => make(
    l.timestamp ?? l.time ?? 0, l.line ?? l.body ?? '', { ...(l.labels ?? l.stream ?? {}), ...(l.severity ? { level: l.severity } : {}) }, l.traceId ?? l.traceID, l.spanId ?? l.spanID,
  )).sort((a, b) => (a.ns.length - b.ns.length) || (a.ns < b.ns ? -1 : 1));
}

function pretty(text) {
  const start = text.trimStart();
  if (!start.startsWith('{') && !start.startsWith('[')) return null;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return null; }
}

/** One line; a click shows all of it, JSON set out, and its labels. */
function row(line, context, className = '') {
  const more = h('div', { class: 'more', hidden: true });
  const head = h('button', {
    class: 'head', type: 'button', 'aria-expanded': 'false',
    onclick: () => {
      more.hidden = !more.hidden;
      head.setAttribute('aria-expanded', String(!more.hidden));
      if (!more.hidden) open();
    },
  }, h('time', { title: dateTime(line.ms, true) }, clock(line.ms, true)), h('span', { class: 'level' }, line.level || '·'),
    h('span', { class: 'linetext' }, line.text.slice(0, 600) || '(empty line)'));
  const open = () => replace(more,
    longText(pretty(line.text) ?? line.text, 'pre'),
    h('div', { class: 'labels' }, Object.entries(line.labels).map(([k, v]) => h('span', { class: 'tag' }, `${k}=${v}`))),
    h('div', { class: 'dim' }, dateTime(line.ms, true), ' ', copyButton(line.text, 'Line')));
  const link = line.traceID && h('a', {
    class: 'totrace', href: context.withRange(`/ui/trace/${line.traceID}${line.spanID ? `?span=${line.spanID}` : ''}`), title: `Trace ${line.traceID}`,
  }, 'trace');
  return h('div', { class: `logline ${line.level} ${className}` }, head, link, more);
}

export const logLine = { streams, list, row };
