"use strict";
// The bar below a clip: play, step, scrub, speed, and one lane for each person. It knows frames and seconds only.
function makeTimeline(clip, people, onFrame, onChoose) {
  const element = (id) => document.getElementById(id);
  const { first, times } = clip, last = first + times.length - 1;
  const slider = element("time"), speed = element("speed");
  let frame = null, playing = false, clock = 0, before = 0;

  const clamp = (number) => Math.min(last, Math.max(first, Math.round(number)));
  const seconds = (number) => times[number - first];

  // The frame that is on the screen at a time: the latest that has begun.
  function frameAt(time) {
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (times[middle] <= time) low = middle;
      else high = middle - 1;
    }
    return first + low;
  }

  function show(number) {
    if (number === frame) return;
    frame = number;
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `frame ${frame}, ${seconds(frame).toFixed(2)} seconds`);
    element("clock").textContent = `${seconds(frame).toFixed(2)} s · frame ${frame} of ${first}–${last}`;
    const part = last > first ? (frame - first) / (last - first) : 0;
    element("lanes").style.setProperty("--now", `${100 * part}%`);
    onFrame(frame);
  }

  function setFrame(number) {
    clock = seconds(clamp(number));
    show(clamp(number));
  }

  function setPlaying(on) {
    if (on === playing || last === first) return;
    playing = on;
    element("play").textContent = on ? "\u23F8\uFE0E" : "\u25B6\uFE0E";
    element("play").setAttribute("aria-label", on ? "Pause" : "Play");
    if (!on) return;
    if (frame === last) setFrame(first);
    before = performance.now();
    requestAnimationFrame(tick);
  }

  function tick(now) {
    if (!playing) return;
    clock += Math.max(0, now - before) / 1000 * Number(speed.value);
    before = now;
    if (clock > seconds(last) + 1 / clip.fps) clock = seconds(first);
    show(frameAt(clock));
    requestAnimationFrame(tick);
  }

  const step = (by) => { setPlaying(false); setFrame(frame + by); };
  function faster(by) {
    speed.selectedIndex = Math.min(speed.options.length - 1, Math.max(0, speed.selectedIndex + by));
  }

  function lane(person, i) {
    const row = document.createElement("div"), width = Math.max(1, last - first);
    row.className = "lane";
    row.title = person.label;
    for (const [start, end, seen] of person.runs) {
      const bar = document.createElement("span");
      const left = Math.max(0, start - first - 0.5), right = Math.min(width, end - first + 0.5);
      bar.style.left = `${100 * left / width}%`;
      bar.style.width = `${100 * (right - left) / width}%`;
      bar.style.background = person.colour;
      if (!seen) bar.className = "filled";
      row.append(bar);
    }
    row.addEventListener("click", (event) => {
      const box = row.getBoundingClientRect();
      setFrame(first + (event.clientX - box.left) / box.width * width);
      onChoose(i);
    });
    return row;
  }

  Object.assign(slider, { min: first, max: last, step: 1 });
  slider.addEventListener("input", () => { setPlaying(false); setFrame(Number(slider.value)); });
  element("play").addEventListener("click", () => setPlaying(!playing));
  element("back").addEventListener("click", () => step(-1));
  element("forth").addEventListener("click", () => step(1));
  element("lanes").append(...people.map(lane));
  element("timeline").hidden = false;
  const keys = {
    " ": () => setPlaying(!playing), arrowleft: () => step(-1), arrowright: () => step(1),
    home: () => step(first - frame), end: () => step(last - frame), "[": () => faster(-1), "]": () => faster(1),
  };
  return {
    keys, setFrame, play: () => setPlaying(true), pause: () => setPlaying(false),
    state: () => ({ frame, playing, speed: Number(speed.value), first, last }),
  };
}
