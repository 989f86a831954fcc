// Runs before each page's own scripts and remembers what passes by: toasts, which go away by themselves, and content
// that moves although nobody did anything.
{
  const seen = { toasts: [], shift: 0, shifted: [] };
  window.fanfareSeen = seen;
  const note = (records) => {
    for (const record of records) {
      for (const node of record.addedNodes) {
        const added = node.nodeType === 1 ? [node, ...node.querySelectorAll(".toast")] : [];
        for (const element of added) if (element.classList.contains("toast")) seen.toasts.push(element.firstElementChild.textContent);
      }
    }
  };
  new MutationObserver(note).observe(document, { childList: true, subtree: true });
  const moved = (list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      seen.shift += entry.value;
      seen.shifted.push(...entry.sources.map((source) => source.node?.outerHTML?.slice(0, 120)));
    }
  };
  new PerformanceObserver(moved).observe({ type: "layout-shift", buffered: true });
}
