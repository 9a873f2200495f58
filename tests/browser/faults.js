// Finds texts that overlap, overrun their picture or box, are too small, or cannot be read on their ground.
// Takes the root element; returns a list of faults in words.
(root) => {
  const faults = [];
  const rgb = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const lum = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [lum(a), lum(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const contains = (outer, inner, slack) =>
    inner.left >= outer.left - slack && inner.right <= outer.right + slack &&
    inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
  const check = (texts, where) => {
    texts.forEach((text, n) => {
      const { words, box, size, colour, ground, frame } = text;
      if (size < 10.95) faults.push(`${where}: ${size} px: ${words}`);
      if (frame && !contains(frame, box, 1)) faults.push(`${where}: overruns: ${words}`);
      const ratio = contrast(colour, ground);
      if (ratio < 4.5) faults.push(`${where}: contrast ${ratio.toFixed(2)} (${colour} on ${ground}): ${words}`);
      for (const other of texts.slice(n + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (across > 1 && down > 3) faults.push(`${where}: overlap: ${words} / ${other.words}`);
      }
    });
  };
  for (const svg of [...(root.matches("svg.pc") ? [root] : []), ...root.querySelectorAll("svg.pc")]) {
    const whole = svg.getBoundingClientRect();
    if (!whole.width) continue; // the layout that is not shown
    const rects = [...svg.querySelectorAll("rect")].map((element) => ({
      element, box: element.getBoundingClientRect(), fill: getComputedStyle(element).fill,
    }));
    const scale = whole.width / svg.viewBox.baseVal.width;
    check([...svg.querySelectorAll("text")].filter((text) => text.textContent).map((text) => {
      const box = text.getBoundingClientRect();
      const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
      const over = rects.filter((r) => x > r.box.left && x < r.box.right && y > r.box.top && y < r.box.bottom);
      const style = getComputedStyle(text);
      const filled = over.filter((r) => r.fill !== "none").pop();
      return {
        words: text.textContent, box, size: parseFloat(style.fontSize) * scale, colour: rgb(style.fill),
        ground: filled ? rgb(filled.fill) : [255, 255, 255], frame: over.length > 1 ? over[over.length - 1].box : whole,
      };
    }), svg.dataset.name || "map");
  }
  if (!root.matches("svg.pc")) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const texts = [];
    const frame = root.getBoundingClientRect();
    while (walker.nextNode()) {
      const node = walker.currentNode, parent = node.parentElement;
      if (!node.textContent.trim() || parent.closest("svg, style, script, pre")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (!box.width || getComputedStyle(parent).visibility === "hidden") continue;
      let ground = parent;
      while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
      const style = getComputedStyle(parent);
      texts.push({
        words: node.textContent.trim(), box, size: parseFloat(style.fontSize), colour: rgb(style.color),
        ground: ground ? rgb(getComputedStyle(ground).backgroundColor) : [255, 255, 255], frame,
      });
    }
    check(texts, "panel");
    if (!texts.length && root.matches(".pcb")) faults.push("no text found");
  }
  return faults;
};
