/* Keeps what is on the screen true: one event stream per browser, shared by its tabs. */
"use strict";

(() => {
  const QUIET_MS = 3500; // beats come every second
  const CHANNEL = "dispersa";
  const body = document.body;
  const notice = document.getElementById("connection");
  let isLeaving = false;
  if (!notice) { guardForms(); return; } // a page outside the frame

  const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : null;
  let heardAt = Date.now();
  let isFetching = false;
  let isDue = false;
  let askedAt = 0;
  let restsUntil = 0;
  let timer = 0;
  let charts = [];
  const shown = new Map();
  for (const part of document.querySelectorAll("[data-live]")) shown.set(part.id, part.innerHTML);

  function lead() {
    const source = new EventSource("/stream");
    source.addEventListener("entries", (event) => tell({ kind: "entries", id: event.lastEventId }));
    source.addEventListener("beat", (event) => tell({ kind: "beat", at: JSON.parse(event.data).at }));
    source.addEventListener("over", () => { source.close(); tell({ kind: "over" }); });
    return source;
  }

  function tell(message) {
    hear(message);
    if (channel) channel.postMessage(message);
  }

  function hear(message) {
    heardAt = Date.now();
    if (message.kind === "over") { if (!isLeaving) location.reload(); return; }
    if (message.kind === "beat") {
      const clock = document.getElementById("clock");
      if (clock) clock.textContent = newYork(message.at);
      show("");
      if (!document.querySelector("[data-beat], .ring") || Date.now() - askedAt < 900) return;
    }
    refresh();
  }

  function newYork(at) {
    return new Date(at).toLocaleTimeString("en-GB", { timeZone: "America/New_York" });
  }

  async function refresh() {
    if (document.hidden) { isDue = true; return; }
    if (isFetching) { isDue = true; return; }
    if (Date.now() < restsUntil) {
      clearTimeout(timer);
      timer = setTimeout(refresh, restsUntil - Date.now());
      return;
    }
    isFetching = true;
    isDue = false;
    askedAt = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin", redirect: "manual" });
      if (isLeaving) return;
      if (answer.type === "opaqueredirect") { location.reload(); return; }
      if (answer.ok) apply(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch (error) {
      body.dataset.failed = String(error); // the watch below says what it means
    } finally {
      isFetching = false;
      restsUntil = Date.now() + Math.max(40, 3 * (Date.now() - askedAt)); // a slow server is left time
      if (isDue) refresh();
    }
  }

  function apply(fresh) {
    if (fresh.body.classList.contains("halted") !== body.classList.contains("halted")) {
      if (!isTyping()) { location.reload(); return; }
      body.classList.toggle("halted", fresh.body.classList.contains("halted"));
    }
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      if (!now) continue;
      if (part.dataset.reload !== undefined && now.dataset.reload !== part.dataset.reload && !isTyping()) {
        location.reload();
        return;
      }
      if (now.innerHTML === shown.get(part.id)) continue;
      shown.set(part.id, now.innerHTML);
      const before = cells(part);
      const kept = [...part.querySelectorAll("[data-chart]")];
      const scrolled = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
      part.replaceChildren(...now.childNodes);
      part.querySelectorAll(".scroll").forEach((each, at) => { each.scrollLeft = scrolled[at] || 0; });
      part.querySelectorAll("[data-chart]").forEach((each, at) => keepChart(each, kept[at]));
      for (const [name, cell] of cells(part)) {
        const old = before.get(name);
        if (old && old.textContent !== cell.textContent) cell.classList.add("changed");
      }
    }
    body.dataset.sequence = fresh.body.dataset.sequence;
    body.dataset.shownAt = String(Date.now());
  }

  function cells(part) {
    return new Map([...part.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell]));
  }

  /* A person is at work here: nothing may take the page away under their hands. */
  function isTyping() {
    if (isLeaving || document.querySelector("details.stop[open], details.resume[open]")) return true;
    return [...document.querySelectorAll("input:not([type=hidden])")].some((field) => field.value !== field.defaultValue);
  }

  function show(text) {
    const was = notice.textContent;
    body.classList.toggle("stale", Boolean(text));
    notice.hidden = !text;
    if (was !== text) notice.textContent = text;
  }

  function watch() {
    const quiet = Date.now() - heardAt;
    if (quiet < QUIET_MS) return;
    const seconds = Math.round(quiet / 1000);
    show(`▲ Not connected for ${seconds} s. What you see is that old. Trading goes on without this page; to stop it on its machine: dispersa halt`);
  }

  /* Charts: drawn by uPlot from numbers in an attribute; colors are those of the page. */
  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function frameOf(host) {
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "12px ui-monospace, monospace" };
    return {
      width: host.clientWidth, height: host.clientHeight, legend: { show: false }, padding: [12, 76, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "America/New_York"),
      cursor: { y: false, points: { size: 6 } },
      axes: [{ ...axis, values: (_, marks) => marks.map((mark) => newYork(mark * 1e3).slice(0, 8)), space: 90 }, { ...axis, size: 64, values: (_, marks) => marks.map((mark) => mark.toLocaleString("en-US").replace("-", "−")) }],
    };
  }

  function corridor(host, data) {
    const end = data.times.map(() => data.limit);
    const low = data.times.map(() => -data.limit);
    const room = data.limit * 1.15;
    const line = { stroke: color("--warn"), width: 1, dash: [4, 4], points: { show: false } };
    const options = {
      ...frameOf(host),
      scales: { y: { range: (_, least, most) => [Math.min(-room, least), Math.max(room, most)] } },
      series: [{}, { ...line }, { ...line }, { stroke: color("--accent"), width: 2, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) }],
      bands: [{ series: [1, 2], fill: color("--accent-bed") }],
      hooks: { draw: [endLabel(3)], setCursor: [hover(host, 3, "$/pt")] },
    };
    return new uPlot(options, [data.times, end, low, data.values], host);
  }

  function correlation(host, data) {
    const options = {
      ...frameOf(host),
      series: [{}, { stroke: color("--accent"), width: 2, points: { show: false } }, { stroke: color("--quiet"), width: 1.5, points: { show: false } }],
      bands: [{ series: [1, 2], fill: color("--accent-bed") }],
      hooks: { draw: [endLabel(1), endLabel(2)], setCursor: [hover(host, 1, "points")] },
    };
    return new uPlot(options, [data.times, data.implied, data.forecast], host);
  }

  function digitsOf(value) {
    return Math.abs(value) >= 100 ? 0 : 1;
  }

  function endLabel(index) {
    return (plot) => {
      const values = plot.data[index];
      const last = values[values.length - 1];
      const x = plot.valToPos(plot.data[0][values.length - 1], "x", true);
      const y = plot.valToPos(last, "y", true);
      plot.ctx.save();
      plot.ctx.fillStyle = color("--text");
      plot.ctx.font = `${12 * devicePixelRatio}px ui-monospace, monospace`;
      plot.ctx.textBaseline = "middle";
      plot.ctx.textAlign = "left";
      plot.ctx.fillText(last.toLocaleString("en-US", { maximumFractionDigits: digitsOf(last), signDisplay: "exceptZero" }).replace("-", "−"), x + 8 * devicePixelRatio, y);
      plot.ctx.restore();
    };
  }

  function hover(host, index, unit) {
    return (plot) => {
      const at = plot.cursor.idx;
      host.title = at == null ? "" : `${newYork(plot.data[0][at] * 1e3)} ET: ${plot.data[index][at].toLocaleString("en-US")} ${unit}`;
    };
  }

  function draw(host) {
    if (!window.uPlot || !host.clientWidth) return;
    const data = JSON.parse(host.dataset.chart);
    host.replaceChildren();
    host.plot = data.kind === "corridor" ? corridor(host, data) : correlation(host, data);
    charts = charts.filter((each) => each.isConnected).concat(host);
  }

  function keepChart(fresh, old) {
    if (!old || !old.plot) { draw(fresh); return; }
    const data = JSON.parse(fresh.dataset.chart);
    old.dataset.chart = fresh.dataset.chart;
    old.setAttribute("aria-label", fresh.getAttribute("aria-label") || "");
    fresh.replaceWith(old);
    const rows = data.kind === "corridor"
      ? [data.times, data.times.map(() => data.limit), data.times.map(() => -data.limit), data.values]
      : [data.times, data.implied, data.forecast];
    old.plot.setData(rows);
  }

  /* Forms: pressed once, and Escape closes what a button has opened. */
  function guardForms() {
    document.addEventListener("submit", (event) => {
      const form = event.target;
      if (form.method !== "post") return;
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
      isLeaving = true;
      setTimeout(() => { delete form.dataset.sent; isLeaving = false; }, 4000);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      for (const open of document.querySelectorAll("details[open]")) { open.open = false; open.querySelector("summary").focus(); }
    });
    document.addEventListener("toggle", (event) => {
      if (!event.target.open) return;
      const first = event.target.querySelector("input:not([type=hidden])");
      if (first && event.target.matches(".stop, .resume")) first.focus();
      for (const other of document.querySelectorAll("details.stop[open], details.alerts[open]")) if (other !== event.target) other.open = false;
    }, true);
  }

  const address = new URL(location.href);
  if (address.searchParams.has("told")) {
    address.searchParams.delete("told");
    history.replaceState(null, "", address);
  }
  guardForms();
  if (channel) channel.onmessage = (event) => hear(event.data);
  if (channel && navigator.locks) navigator.locks.request("dispersa-stream", () => new Promise(() => { lead(); }));
  else lead();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => charts.forEach(draw));
  addEventListener("resize", () => charts.forEach((each) => each.plot && each.plot.setSize({ width: each.clientWidth, height: each.clientHeight })));
  setInterval(watch, 500);
  document.querySelectorAll("[data-chart]").forEach(draw);
  body.dataset.ready = "1";
})();
