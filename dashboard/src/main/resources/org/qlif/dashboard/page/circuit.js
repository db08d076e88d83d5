// SPDX-License-Identifier: Apache-2.0
// The circuit that the QUBIT decision stands for: docs/model.md, section 3.
import { element } from './controls.js';

const MOST_WIRES = 3; // drawn; further ones are dots
const WIRE = 42;

function svg(tag, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

const WORDS = {
  SINGLE_QUBIT: () => ['s = 1 if the measurement gives 1,', 'with probability p'],
  EXPECTATION: threshold => ['s = 1 if the expectation ⟨Z⟩', `is below ζ = ${threshold}`],
  MULTI_QUBIT: (threshold, wires) => ['s = 1 if more than W(1 − ζ)/2 wires', `give 1; W = ${wires}, ζ = ${threshold}`],
};

/** A figure of the circuit, which follows the settings. */
export class Circuit {
  constructor() {
    this.note = element('span', { className: 'note' });
    this.box = element('div', { className: 'circuit' });
    this.figure = element('figure', {}, element('figcaption', {}, 'The circuit behind the decision', this.note), this.box);
  }

  show(readout, wires, threshold, linear) {
    const drawn = readout === 'MULTI_QUBIT' ? Math.min(wires, MOST_WIRES) : 1;
    const more = readout === 'MULTI_QUBIT' && wires > drawn;
    const height = WIRE * (drawn + (more ? 0.6 : 0)) + 16;
    const words = WORDS[readout](threshold, wires);
    const picture = svg('svg', {
      viewBox: `0 0 500 ${Math.max(70, height)}`, role: 'img',
      'aria-label': `Quantum circuit: ${readout === 'MULTI_QUBIT' ? `${wires} wires` : 'one wire'} from the state 0 through a rotation RY(φ) to a measurement; ${words.join(' ')}`,
    });
    for (let i = 0; i < drawn; i++) {
      const y = WIRE * i + 30;
      picture.append(
        svg('text', { x: 4, y: y + 5 }, '|0⟩'),
        svg('line', { x1: 32, y1: y, x2: 226, y2: y }),
        svg('rect', { x: 60, y: y - 15, width: 70, height: 30, rx: 5 }),
        svg('text', { x: 95, y: y + 5, 'text-anchor': 'middle' }, 'RY(φ)'),
        svg('rect', { x: 160, y: y - 15, width: 42, height: 30, rx: 5 }),
        svg('path', { d: `M168 ${y + 7} a13 13 0 0 1 26 0 M181 ${y + 7} l9 -15` }),
      );
    }
    if (more) picture.append(svg('text', { x: 95, y: WIRE * drawn + 24, 'text-anchor': 'middle' }, `⋮  ${wires - drawn} more`));
    const middle = WIRE * (drawn - 1) / 2 + 30;
    picture.append(
      svg('path', { d: drawn > 1 ? `M226 ${30} V${WIRE * (drawn - 1) + 30} M226 ${middle} h16` : `M226 ${middle} h16` }),
      svg('text', { x: 250, y: middle - 4 }, words[0]),
      svg('text', { x: 250, y: middle + 16 }, words[1]));
    this.box.replaceChildren(picture);
    this.note.textContent = `φ = β − ℓ + ${linear ? 'x' : 'θmax·tanh x'}, x = α·c·Δ; p = sin²(φ/2) = (1 − cos φ)/2`;
  }
}
