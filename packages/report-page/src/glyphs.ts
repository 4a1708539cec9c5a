/** Shapes of outcomes and events: told apart without colour. */

/** A shape; `ring`, `plus` and `cross` are strokes, the others are filled. */
export type Shape = 'dot' | 'ring' | 'cross' | 'plus' | 'up' | 'down' | 'diamond' | 'square' | 'star' | 'bar';

/** How something is drawn. */
export interface Glyph {
  readonly shape: Shape;
  /** Custom property with its colour. */
  readonly color: string;
  readonly name: string;
}

const OUTCOMES: Readonly<Record<string, Glyph>> = {
  timeout: { shape: 'cross', color: '--timeout', name: 'timeout' },
  refused: { shape: 'up', color: '--refused', name: 'refused' },
  reset: { shape: 'diamond', color: '--reset', name: 'reset' },
  unreachable: { shape: 'square', color: '--unreachable', name: 'unreachable' },
  'http-error': { shape: 'down', color: '--http-error', name: 'HTTP error' },
  'wrong-backend': { shape: 'star', color: '--wrong', name: 'wrong backend' },
};

/** The glyph of an outcome; answered requests of the two flows differ. */
export function outcomeGlyph(outcome: string, flow: 'new' | 'reused'): Glyph {
  if (outcome === 'ok')
    return flow === 'new'
      ? { shape: 'dot', color: '--ok-new', name: 'answered, new connection' }
      : { shape: 'ring', color: '--ok-reused', name: 'answered, reused connection' };
  const glyph = OUTCOMES[outcome] ?? { shape: 'plus', color: '--other', name: outcome };
  return { ...glyph, name: `${glyph.name}, ${flow}` };
}

/** Adds a shape to the path around (x, y); `r` is half its size. True when it is to be stroked and not filled. */
export function addShape(path: Path2D, shape: Shape, x: number, y: number, r: number): boolean {
  const polygon = (points: readonly (readonly [number, number])[]): void => {
    points.forEach(([dx, dy], i) => {
      if (i === 0) path.moveTo(x + dx * r, y + dy * r);
      else path.lineTo(x + dx * r, y + dy * r);
    });
    path.closePath();
  };
  switch (shape) {
    case 'dot':
    case 'ring':
      path.moveTo(x + r, y);
      path.arc(x, y, r, 0, 2 * Math.PI);
      return shape === 'ring';
    case 'cross':
      path.moveTo(x - r, y - r);
      path.lineTo(x + r, y + r);
      path.moveTo(x + r, y - r);
      path.lineTo(x - r, y + r);
      return true;
    case 'plus':
      path.moveTo(x - r, y);
      path.lineTo(x + r, y);
      path.moveTo(x, y - r);
      path.lineTo(x, y + r);
      return true;
    case 'bar':
      path.rect(x - r / 3, y - r * 1.3, (r * 2) / 3, r * 2.6);
      return false;
    case 'up':
      polygon([
        [0, -1.1],
        [1, 0.9],
        [-1, 0.9],
      ]);
      return false;
    case 'down':
      polygon([
        [0, 1.1],
        [1, -0.9],
        [-1, -0.9],
      ]);
      return false;
    case 'diamond':
      polygon([
        [0, -1.2],
        [1.2, 0],
        [0, 1.2],
        [-1.2, 0],
      ]);
      return false;
    case 'square':
      path.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
      return false;
    case 'star':
      polygon(
        Array.from({ length: 10 }, (_, i) => {
          const length = i % 2 === 0 ? 1.4 : 0.6;
          const angle = (i * Math.PI) / 5;
          return [Math.sin(angle) * length, -Math.cos(angle) * length] as const;
        }),
      );
      return false;
  }
}

/** Paints glyphs of one kind at once. */
export function paint(
  context: CanvasRenderingContext2D,
  shape: Shape,
  color: string,
  points: Iterable<readonly [number, number]>,
  r: number,
): void {
  const path = new Path2D();
  let stroked = false;
  for (const [x, y] of points) stroked = addShape(path, shape, x, y, r);
  context.strokeStyle = color;
  context.fillStyle = color;
  context.lineWidth = Math.max(1, r / 2.4);
  if (stroked) context.stroke(path);
  else context.fill(path);
}

/** A small canvas with the glyph, for a legend. */
export function glyphCanvas(shape: Shape, color: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  const scale = Math.max(2, devicePixelRatio);
  canvas.width = 16 * scale;
  canvas.height = 16 * scale;
  canvas.className = 'glyph';
  canvas.setAttribute('aria-hidden', 'true');
  const context = canvas.getContext('2d');
  if (context) {
    context.scale(scale, scale);
    paint(context, shape, color, [[8, 8]], 4.5);
  }
  return canvas;
}
