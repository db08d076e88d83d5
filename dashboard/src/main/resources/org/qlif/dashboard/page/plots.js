// SPDX-License-Identifier: Apache-2.0
// The plots: uPlot draws lines and axes, the hooks below add spikes and rasters.
import uPlot from './uplot/dist/uPlot.esm.js';
import { element } from './controls.js';

const palette = {};
const NAMES = ['card', 'ink', 'muted', 'grid', 'edge', 'accent', 'qlif', 'lif', 'threshold', 'input', 'modulation',
  'trace-0', 'trace-1', 'trace-2', 'trace-3', 'trace-4', 'trace-5'];

/** Reads the colours of the sheet anew. */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) palette[name] = style.getPropertyValue('--' + name).trim();
}

const FONT = '12px system-ui, "Noto Sans", sans-serif';

const axis = extra => ({
  stroke: () => palette.muted, font: FONT, grid: { stroke: () => palette.grid, width: 1 },
  ticks: { stroke: () => palette.grid, width: 1, size: 4 }, gap: 4, ...extra,
});

/** The axis of x. */
const across = () => axis({ size: 28, values: (_, ticks) => ticks.map(tick => number(tick)) });

const number = (value, digits = 4) => value == null ? '–' : String(Number(value.toPrecision(digits))).replace('-', '−');

/** A range with room at the top for marks, and never empty. */
const roomy = top => (_, low, high) => {
  if (low == null || high == null) return [0, 1];
  const span = high - low || Math.max(1, Math.abs(high));
  return [low - 0.06 * span, high + top * span];
};

/** A plot in a figure with a caption, which follows its figure's width. */
class Plot {
  constructor(title, height, label) {
    this.title = title;
    this.height = height;
    this.label = label;
    this.note = element('span', { className: 'note' });
    this.caption = element('figcaption', {}, title, this.note);
    this.box = element('div', { className: 'plot', role: 'img' });
    this.figure = element('figure', {}, this.caption, this.box);
    new ResizeObserver(() => this.fit()).observe(this.box);
  }

  get width() { return Math.max(200, this.box.clientWidth); }

  fit() {
    if (this.u && (this.u.width !== this.width || this.u.height !== this.height)) this.u.setSize({ width: this.width, height: this.height });
  }

  /** Shows data: the first array is x. The plot is made anew when its series have others' names. */
  show(series, data, note = '', spoken = '') {
    const shape = JSON.stringify(series.map(one => [one.label, one.dash, one.name]));
    if (shape !== this.shape) {
      this.u?.destroy();
      this.shape = shape;
      this.u = new uPlot({ width: this.width, height: this.height, ...this.options(series) }, data, this.box);
    } else {
      const { min, max } = this.u.scales.x;
      const old = this.u.data[0];
      const kept = old.length === data[0].length && (min > old[0] || max < old[old.length - 1]);
      this.u.batch(() => {
        this.u.setData(data);
        if (kept) this.u.setScale('x', { min, max });
      });
      this.fit();
    }
    this.series = series;
    this.note.textContent = note;
    this.box.setAttribute('aria-label', `${this.title}. ${spoken || note}`);
  }

  redraw() { this.u?.redraw(false); }

  resize(height) {
    this.height = height;
    this.fit();
  }

  lines(series) {
    return [{ label: this.label, value: (_, value) => number(value) }, ...series.map(one => ({
      label: one.label, stroke: () => palette[one.name], width: one.width ?? 1.6, dash: one.dash, points: { show: false },
      value: (_, value) => number(value),
    }))];
  }
}

/** A plot over the steps. All of them share cursor and zoom. */
export class TimePlot extends Plot {
  /** @param marks which series' spikes are marked at the top: the name of the colour, or null */
  constructor(title, height, marks = null) {
    super(title, height, 'step');
    this.marks = marks;
  }

  options(series) {
    return {
      cursor: { sync: { key: 'steps' }, drag: { x: true, y: false }, points: { size: 6 } },
      scales: { x: { time: false }, y: { range: roomy(this.marks ? 0.16 : 0.06) } },
      axes: [across(), axis({ size: 48, values: (_, ticks) => ticks.map(tick => number(tick)) })],
      series: this.lines(series),
      hooks: { draw: [u => this.marks && drawMarks(u, this.spikes, palette[this.marks])] },
    };
  }

  /** @param spikes of the neuron that is shown, a number for each step */
  showSpikes(spikes) { this.spikes = spikes; }
}

function clipped(u, draw) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx, bbox);
  ctx.restore();
}

function drawMarks(u, spikes, stroke) {
  if (!spikes) return;
  clipped(u, (ctx, bbox) => {
    ctx.strokeStyle = stroke;
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([]);
    ctx.beginPath();
    for (let t = 0; t < spikes.length; t++) {
      if (!spikes[t]) continue;
      const x = Math.round(u.valToPos(t, 'x', true));
      ctx.moveTo(x, bbox.top + 2 * devicePixelRatio);
      ctx.lineTo(x, bbox.top + 11 * devicePixelRatio);
    }
    ctx.stroke();
  });
}

/** Spikes of all neurons: a row each, those of the compared neurons below. */
export class Raster extends Plot {
  constructor(title) {
    super(title, 150, 'step');
    this.bands = [];
    this.rows = 1;
  }

  options(series) {
    return {
      cursor: { sync: { key: 'steps' }, drag: { x: true, y: false }, y: false, points: { show: false } },
      legend: { show: false },
      scales: { x: { time: false }, y: { dir: -1, range: () => [0, this.rows] } },
      axes: [across(), axis({
        size: 48, grid: { show: false }, ticks: { show: false },
        splits: () => this.bands.map((band, i) => (i + 0.5) * band.neurons),
        values: () => this.bands.map(band => band.label),
      })],
      series: this.lines(series),
      hooks: { draw: [u => this.drawSpikes(u)] },
    };
  }

  /** @param bands of each model: label, colour's name, spikes (steps x neurons), neurons */
  showBands(bands, neuron) {
    this.bands = bands;
    this.neuron = neuron;
    this.rows = bands.reduce((sum, band) => sum + band.neurons, 0);
    this.resize(Math.round(Math.min(320, Math.max(110, 44 + 9 * this.rows))));
  }

  drawSpikes(u) {
    clipped(u, (ctx, bbox) => {
      const height = bbox.height / this.rows;
      let row = 0;
      for (const { name, spikes, neurons } of this.bands) {
        ctx.fillStyle = palette.grid;
        ctx.fillRect(bbox.left, bbox.top + (row + this.neuron) * height, bbox.width, height);
        ctx.fillStyle = palette[name];
        const steps = spikes.length / neurons;
        const width = Math.max(1.5 * devicePixelRatio, 0.7 * (u.valToPos(1, 'x', true) - u.valToPos(0, 'x', true)));
        const tick = Math.max(1, 0.78 * height);
        for (let t = 0; t < steps; t++) {
          const x = u.valToPos(t, 'x', true) - width / 2;
          for (let n = 0; n < neurons; n++) {
            if (spikes[t * neurons + n]) ctx.fillRect(x, bbox.top + (row + n) * height + (height - tick) / 2, width, tick);
          }
        }
        row += neurons;
        if (row < this.rows) {
          ctx.fillStyle = palette.edge;
          ctx.fillRect(bbox.left, bbox.top + row * height - 1, bbox.width, 2);
        }
      }
    });
  }
}

/** The probability over the gap, with its tangent in the middle. */
export class Curve extends Plot {
  constructor(title, height) {
    super(title, height, 'Δ');
  }

  options(series) {
    return {
      cursor: { drag: { x: true, y: false }, points: { size: 6 } },
      scales: { x: { time: false }, y: { range: () => [-0.03, 1.03] } },
      axes: [across(), axis({ size: 48, values: (_, ticks) => ticks.map(tick => number(tick)) })],
      series: this.lines(series),
      hooks: { draw: [u => this.drawPoint(u)] },
    };
  }

  drawPoint(u) {
    if (this.middle == null) return;
    clipped(u, ctx => {
      ctx.fillStyle = palette.lif;
      ctx.beginPath();
      ctx.arc(u.valToPos(0, 'x', true), u.valToPos(this.middle, 'y', true), 4 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    });
  }
}

/** All plots under one another, as a picture. */
export function picture(plots, heading) {
  const scale = devicePixelRatio;
  const shown = plots.filter(plot => plot.u && !plot.figure.hidden);
  const width = Math.max(...shown.map(plot => plot.u.ctx.canvas.width)) + 32 * scale;
  const line = 20 * scale;
  const top = 44 * scale;
  const height = top + shown.reduce((sum, plot) => sum + plot.u.ctx.canvas.height + 2.6 * line, 0);
  const canvas = element('canvas', { width, height });
  const ctx = canvas.getContext('2d');
  const font = (weight, size) => `${weight} ${size * scale}px system-ui, "Noto Sans", sans-serif`;
  ctx.fillStyle = palette.card;
  ctx.fillRect(0, 0, width, height);
  ctx.textBaseline = 'middle';
  ctx.fillStyle = palette.ink;
  ctx.font = font(600, 14);
  let title = heading;
  while (title.length > 8 && ctx.measureText(title).width > width - 32 * scale) title = title.slice(0, -2).trimEnd() + '…';
  ctx.fillText(title, 16 * scale, 22 * scale);
  let y = top;
  for (const plot of shown) {
    ctx.fillStyle = palette.ink;
    ctx.font = font(600, 13);
    ctx.fillText(plot.title, 16 * scale, y + line / 2);
    let x = 16 * scale + ctx.measureText(plot.title).width + 18 * scale;
    ctx.font = font(400, 12);
    for (const { label, name } of plot instanceof Raster ? [] : plot.series) {
      ctx.fillStyle = palette[name];
      ctx.fillRect(x, y + line / 2 - 1.5 * scale, 14 * scale, 3 * scale);
      ctx.fillStyle = palette.muted;
      ctx.fillText(label, x + 19 * scale, y + line / 2);
      x += 19 * scale + ctx.measureText(label).width + 14 * scale;
    }
    ctx.drawImage(plot.u.ctx.canvas, 16 * scale, y + 1.3 * line);
    y += plot.u.ctx.canvas.height + 2.6 * line;
  }
  return canvas;
}

export { number };
