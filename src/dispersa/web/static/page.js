/* Keeps what is on the screen true: one event stream per browser, shared by its tabs. */
"use strict";

(() => {
  const QUIET_MS = 3500; // beats come every second
  const CHANNEL = "dispersa";
  const body = document.body;
  const notice = document.getElementById("connection");
  let isLeaving = false;
  if (!notice) { guardForms(); body.dataset.ready = "1"; return; } // a page outside the frame

  const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : null;
  /* The one place where text becomes a document: our own pages, which the browser lets nobody else do. */
  const as = { createHTML: (text) => text };
  const ours = window.trustedTypes ? window.trustedTypes.createPolicy("dispersa", as) : as;
  let heardAt = Date.now();
  let isFetching = false;
  let isDue = false;
  let askedAt = 0;
  let restsUntil = 0;
  let timer = 0;
  let charts = [];
  let resized = 0;
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
      if (answer.ok) apply(new DOMParser().parseFromString(ours.createHTML(await answer.text()), "text/html"));
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

  const DAY_S = 86400;

  function day(at) {
    return new Date(at).toLocaleDateString("en-GB", { timeZone: "America/New_York", day: "numeric", month: "short" });
  }

  function number(value, digits, isSigned) {
    const sign = isSigned ? "exceptZero" : "auto";
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: sign }).replace("-", "−");
  }

  /* What the three charts share: axes, and the last values written at the ends of their lines. */
  function frameOf(host, times, lines) {
    const spansDays = times[times.length - 1] - times[0] > DAY_S;
    const when = (seconds) => (spansDays ? day : newYork)(seconds * 1e3);
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "12px ui-monospace, monospace" };
    const isNarrow = host.clientWidth < 560;
    return {
      width: host.clientWidth, height: host.clientHeight, legend: { show: false }, padding: [12, isNarrow ? 74 : 128, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "America/New_York"),
      cursor: { y: false, points: { size: 6 } },
      axes: [
        { ...axis, size: 28, values: (_, marks) => marks.map(when), space: spansDays ? 72 : 92 },
        { ...axis, size: 60, values: (_, marks) => marks.map((mark) => mark.toLocaleString("en-US").replace("-", "−")) },
      ],
      hooks: { draw: [endLabels(lines, isNarrow)], setCursor: [readout(host, lines, when)] },
    };
  }

  function plain(name, width, dash) {
    return { stroke: color(name), width, dash, points: { show: false }, spanGaps: true };
  }

  const CHARTS = {
    corridor: {
      rows: (data) => [data.times, data.times.map(() => data.limit), data.times.map(() => -data.limit), data.values],
      options: (host, data) => {
        const room = data.limit * 1.15;
        const edge = plain("--warn", 1, [4, 4]);
        return {
          ...frameOf(host, data.times, [{ at: 3, name: "", digits: 0, isSigned: true, unit: "$/pt" }]),
          scales: { y: { range: (_, least, most) => [Math.min(-room, least), Math.max(room, most)] } },
          series: [{}, { ...edge }, { ...edge }, { ...plain("--accent", 2), paths: uPlot.paths.stepped({ align: 1 }) }],
          bands: [{ series: [1, 2], fill: color("--accent-bed") }],
        };
      },
    },
    correlation: {
      rows: (data) => [data.times, data.implied, data.forecast, data.hurdle, data.realized],
      options: (host, data) => ({
        ...frameOf(host, data.times, [
          { at: 1, name: "implied", digits: 1 }, { at: 2, name: "forecast", digits: 1 },
          { at: 3, name: "with cost", digits: 1, hue: "--warn" }, { at: 4, name: "realized", digits: 1, hue: "--quiet" },
        ]),
        series: [{}, plain("--accent", 2), plain("--text", 1.25), plain("--warn", 1, [4, 4]), plain("--quiet", 1.25, [2, 3])],
        bands: [{ series: [1, 2], fill: color("--accent-bed") }],
      }),
    },
    z: {
      rows: (data) => [data.times, data.z, data.times.map(() => 0), data.times.map(() => 2), data.times.map(() => -2)],
      options: (host, data) => ({
        ...frameOf(host, data.times, [{ at: 1, name: "z", digits: 2, isSigned: true }]),
        scales: { y: { range: (_, least, most) => [Math.min(-2.4, least), Math.max(2.4, most)] } },
        series: [{}, plain("--accent", 1.5), plain("--line-strong", 1), plain("--line-strong", 1, [4, 4]), plain("--line-strong", 1, [4, 4])],
      }),
    },
  };

  /* Values at the ends of lines, pushed apart where they would cover each other. */
  function endLabels(lines, isNarrow) {
    return (plot) => {
      const scale = devicePixelRatio;
      const last = plot.data[0].length - 1;
      const x = plot.valToPos(plot.data[0][last], "x", true) + 8 * scale;
      const labels = lines.filter((line) => plot.data[line.at][last] != null)
        .map((line) => ({ ...line, y: plot.valToPos(plot.data[line.at][last], "y", true), text: number(plot.data[line.at][last], line.digits, line.isSigned) }))
        .sort((one, other) => one.y - other.y);
      plot.ctx.save();
      plot.ctx.font = `${12 * scale}px ui-monospace, monospace`;
      plot.ctx.textBaseline = "middle";
      plot.ctx.textAlign = "left";
      let free = -Infinity;
      for (const label of labels) {
        const y = Math.max(label.y, free);
        free = y + 15 * scale;
        plot.ctx.fillStyle = color(label.hue || "--text");
        plot.ctx.fillText(isNarrow || !label.name ? label.text : `${label.text} ${label.name}`, x, y);
      }
      plot.ctx.restore();
    };
  }

  function readout(host, lines, when) {
    return (plot) => {
      const at = plot.cursor.idx;
      const said = host.querySelector(".readout") || host.appendChild(Object.assign(document.createElement("p"), { className: "readout mono" }));
      const known = at == null ? [] : lines.filter((line) => plot.data[line.at][at] != null);
      said.textContent = known.length ? `${when(plot.data[0][at])}  ${known.map((line) => [line.name, number(plot.data[line.at][at], line.digits, line.isSigned), line.unit].filter(Boolean).join(" ")).join("  ")}` : "";
    };
  }

  function draw(host) {
    if (!window.uPlot || !host.clientWidth) return;
    const data = JSON.parse(host.dataset.chart);
    const chart = CHARTS[data.kind];
    host.replaceChildren();
    host.plot = new uPlot(chart.options(host, data), chart.rows(data), host);
    charts = charts.filter((each) => each.isConnected && each !== host).concat(host);
  }

  function keepChart(fresh, old) {
    if (!old || !old.plot) { draw(fresh); return; }
    const data = JSON.parse(fresh.dataset.chart);
    old.dataset.chart = fresh.dataset.chart;
    old.setAttribute("aria-label", fresh.getAttribute("aria-label") || "");
    fresh.replaceWith(old);
    old.plot.setData(CHARTS[data.kind].rows(data));
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
  const current = document.querySelector("nav [aria-current]");
  if (current) current.scrollIntoView({ inline: "center", block: "nearest" });
  guardForms();
  if (channel) channel.onmessage = (event) => hear(event.data);
  if (channel && navigator.locks) navigator.locks.request("dispersa-stream", () => new Promise(() => { lead(); }));
  else lead();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => charts.forEach(draw));
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => charts.forEach(draw), 60); });
  setInterval(watch, 500);
  document.querySelectorAll("[data-chart]").forEach(draw);
  body.dataset.ready = "1";
})();
