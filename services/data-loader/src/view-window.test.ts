import { describe, expect, it } from 'vitest';
import { ViewWindow } from './view-window.js';

function windowOf(limit: number) {
  const window = new ViewWindow(limit);
  const drawn: string[] = [];
  const get = (key: string, bytes = 10) =>
    window.get(key, bytes, async () => {
      drawn.push(key);
      return new Uint8Array(bytes);
    });
  return { window, drawn, get };
}

describe('the window of views', () => {
  it('draws a view once for all who ask for it while it is drawn, and afterwards', async () => {
    const { drawn, get } = windowOf(100);
    await Promise.all([get('a'), get('a')]);
    await get('a');
    expect(drawn).toEqual(['a']);
  });

  it('drops the view drawn first when there are too many bytes, however often it was read', async () => {
    const { drawn, get } = windowOf(30);
    for (const key of ['a', 'b', 'c', 'a', 'd', 'b', 'a']) await get(key);
    expect(drawn).toEqual(['a', 'b', 'c', 'd', 'a']);
  });

  it('gives out a view that is too large for it without keeping it', async () => {
    const { drawn, get } = windowOf(30);
    expect(await get('large', 31)).toHaveLength(31);
    await get('large', 31);
    expect(drawn).toEqual(['large', 'large']);
  });

  it('draws again what failed', async () => {
    const { window, get } = windowOf(30);
    await expect(window.get('a', 10, () => Promise.reject(new Error('damaged')))).rejects.toThrow('damaged');
    expect(await get('a')).toHaveLength(10);
  });
});
