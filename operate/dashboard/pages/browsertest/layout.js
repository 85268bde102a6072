// Returns what is wrong with how the page is laid out: texts that lie over each other, and
// what is wider than the window.
(() => {
  const faults = [];
  const root = document.querySelector('dialog[open]') || document.body;
  const wide = document.documentElement.clientWidth;
  const name = (e) => {
    const c = typeof e.className === 'string' && e.className ? '.' + e.className.trim().replace(/\s+/g, '.') : '';
    return e.tagName.toLowerCase() + c + ' "' + (e.textContent || '').trim().slice(0, 40) + '"';
  };
  if (document.documentElement.scrollWidth > wide + 1) faults.push(`the page is ${document.documentElement.scrollWidth} wide, and the window ${wide}`);

  // clipped is the part of a rectangle that is to be seen within the boxes that cut it off.
  const clipped = (rect, element) => {
    let { left, top, right, bottom } = rect;
    for (let e = element; e && e !== document.documentElement; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.position === 'fixed') break;
      if (style.clipPath !== 'none') return null;
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      if (style.display === 'inline') continue;
      const box = e.getBoundingClientRect();
      left = Math.max(left, box.left); right = Math.min(right, box.right);
      top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
    }
    return right - left > 0.5 && bottom - top > 0.5 ? { left, top, right, bottom } : null;
  };

  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim()) continue;
    const element = node.parentElement;
    if (['SCRIPT', 'STYLE', 'NOSCRIPT', 'OPTION', 'TITLE'].includes(element.tagName)) continue;
    if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if (rect.width < 1 || rect.height < 1) continue;
      const seen = clipped(rect, element);
      if (!seen) continue;
      if (seen.right > wide + 1 || seen.left < -1) { faults.push(`${name(element)} reaches from ${Math.round(seen.left)} to ${Math.round(seen.right)}, the window to ${wide}`); continue; }
      // Lines stand closer than the boxes of their letters are high.
      const slack = Math.min(5, (seen.bottom - seen.top) / 4);
      texts.push({ element, node, left: seen.left + 1, right: seen.right - 1, top: seen.top + slack, bottom: seen.bottom - slack });
    }
  }
  texts.sort((a, b) => a.top - b.top);
  for (let i = 0; i < texts.length && faults.length < 20; i++) {
    for (let j = i + 1; j < texts.length && texts[j].top < texts[i].bottom; j++) {
      const [a, b] = [texts[i], texts[j]];
      if (a.node === b.node || a.left >= b.right || b.left >= a.right) continue;
      faults.push(`${name(a.element)} and ${name(b.element)} lie over each other`);
    }
  }
  for (const control of root.querySelectorAll('button, a, input, select')) {
    if (!control.checkVisibility()) continue;
    const rect = control.getBoundingClientRect();
    const seen = clipped(rect, control);
    if (seen && control.id !== 'skip' && (seen.right > wide + 1 || seen.left < -1)) faults.push(`${name(control)} leaves the window`);
  }
  return [...new Set(faults)];
})()
