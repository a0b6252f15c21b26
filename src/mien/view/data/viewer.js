"use strict";
// The page of one picture or one clip. World: metres, y up, the picture's camera at the origin, looking along -z (as in the GLB).
// Text from outside reaches the page through textContent only.
(() => {
  const NEAR = 0.05, FAR = 500, MOVE_MS = 450, KEPT_PICTURES = 40, FADED = 0.25, NEAR_ENOUGH = 28;
  const element = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const facts = JSON.parse(element("facts").textContent);
  const pictures = JSON.parse(element("pictures").textContent);
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function decode(text) {
    const letters = atob(text), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  }

  // The words of the page -----------------------------------------------------------------------------------------
  function make(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function fillPage(onToggle, onFocus) {
    const count = facts.people.length;
    const length = facts.clip ? ` · ${facts.clip.times.length} frames` : "";
    if (facts.clip) {
      element("save").textContent = "Save people in motion as GLB";
      document.querySelector(".moving").hidden = false;
    }
    element("summary").textContent =
      `${count === 0 ? "Nobody" : count === 1 ? "1 person" : `${count} people`} · ${facts.width} × ${facts.height} pixels${length}`;
    if (facts.warning) {
      element("warning").textContent = facts.warning;
      element("warning").hidden = false;
    }
    const focal = `${facts.K[0][0].toFixed(1)} × ${facts.K[1][1].toFixed(1)} pixels`;
    for (const [key, value] of [...facts.about, ["focal length", focal]]) {
      element("about").append(make("dt", { textContent: key }), make("dd", { textContent: value }));
    }
    facts.people.forEach((person, i) => {
      const box = make("input", { type: "checkbox", checked: true, ariaLabel: `Show ${person.label}` });
      box.addEventListener("change", () => onToggle(i, box.checked));
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = person.colour;
      const name = make("button", { type: "button", textContent: person.label, title: "Pick this person, and look" });
      name.addEventListener("click", () => onFocus(i));
      const extent = make("span", { className: "number", textContent: person.extent });
      const score = make("span", { className: "number", textContent: person.score.toFixed(2), title: "Detector's score" });
      element("people").append(make("li", {}, box, swatch, name, extent, score));
    });
    if (count === 0) element("people").append(make("li", { className: "empty", textContent: "Nobody was found." }));
  }

  function notice(text) {
    const place = element("notice");
    place.replaceChildren(make("p", { textContent: text }));
    if (pictures.length) {
      place.append(make("img", { src: `data:image/jpeg;base64,${pictures[0]}`, alt: "The picture" }));
    }
    place.hidden = false;
    element("canvas").hidden = true;
  }

  function saveGlb() {
    const url = URL.createObjectURL(new Blob([decode(element("glb").textContent)], { type: "model/gltf-binary" }));
    const name = `${facts.title.replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 100) || "people"}.glb`;
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  // The picture's camera -------------------------------------------------------------------------------------------
  const [fx, fy, cx, cy] = [facts.K[0][0], facts.K[1][1], facts.K[0][2], facts.K[1][2]];

  // Slopes x/z and y/z (y up) of the picture's edges; pixel centres are at integers.
  const edges = {
    left: (-0.5 - cx) / fx, right: (facts.width - 0.5 - cx) / fx,
    top: (cy + 0.5) / fy, bottom: (cy + 0.5 - facts.height) / fy,
  };

  // Where the whole picture fits on the stage, in CSS pixels.
  function pictureRect() {
    const { clientWidth, clientHeight } = element("stage");
    const scale = Math.min(clientWidth / facts.width, clientHeight / facts.height);
    const [width, height] = [facts.width * scale, facts.height * scale];
    return { x: (clientWidth - width) / 2, y: (clientHeight - height) / 2, width, height };
  }

  // Slopes of the stage's edges when the picture lies at its place on it.
  function stageEdges() {
    const { clientWidth, clientHeight } = element("stage");
    const { x, y, width, height } = pictureRect();
    const [perX, perY] = [(edges.right - edges.left) / width, (edges.top - edges.bottom) / height];
    return {
      left: edges.left - x * perX, right: edges.left + (clientWidth - x) * perX,
      top: edges.top + y * perY, bottom: edges.top - (clientHeight - y) * perY,
    };
  }

  // The three dimensions -------------------------------------------------------------------------------------------
  async function show(context) {
    const renderer = new three.WebGLRenderer({ canvas: element("canvas"), context });
    renderer.autoClear = false;
    renderer.setClearColor(0x000000, 0);
    const world = new three.Scene(), overlay = new three.Scene();
    const camera = new three.PerspectiveCamera(40, 1, NEAR, FAR);
    const controls = new three.OrbitControls(camera, renderer.domElement);
    const state = { mode: "mesh", view: "picture", opacity: 1, chosen: null,
      layers: { backdrop: true, inset: Boolean(facts.clip), camera: true, grid: true } };
    for (const scene of [world, overlay]) {
      const sun = new three.DirectionalLight(0xffffff, 1.7);
      sun.position.set(-1.2, 2.2, 1.6);
      scene.add(new three.HemisphereLight(0xffffff, 0x8a8378, 1.9), sun);
    }

    // drawing, only when something changed
    let waiting = false, moving = false, started = false;
    function draw() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(render);
    }
    function render() {
      waiting = false;
      renderer.clear();
      renderer.render(world, camera);
      if (state.mode === "skeleton") renderer.render(overlay, camera);
      if (state.mode === "both") {
        renderer.clearDepth();
        renderer.render(overlay, camera);
      }
      api.frames += 1;
    }

    // people
    const loader = new three.GLTFLoader();
    const bytes = decode(element("glb").textContent).buffer;
    const gltf = await new Promise((resolve, reject) => loader.parse(bytes, "", resolve, reject));
    world.add(gltf.scene);
    world.updateMatrixWorld(true);
    const people = facts.people.map((person) => makePerson(gltf.scene.getObjectByName(person.node), person));
    const depth = Math.max(2, facts.clip?.far ?? 0, ...people.map((person) => -person.box.min.z)) * 1.12 + 0.4;

    function makePerson(mesh, person) {
      mesh.frustumCulled = false;
      const mask = mesh.clone();
      mask.material = mesh.material.clone();
      mask.material.colorWrite = false;
      mask.morphTargetInfluences = mesh.morphTargetInfluences;
      world.add(mask);
      const skeleton = makeSkeleton(mesh.skeleton.bones, new three.Color(person.colour));
      overlay.add(skeleton.group);
      const made = { mesh, mask, skeleton, joints: [], box: new three.Box3(), visible: true, present: true };
      pose(made);
      return made;
    }

    // What follows from where the bones are.
    function pose(person) {
      person.joints = person.mesh.skeleton.bones.map((bone) => new three.Vector3().setFromMatrixPosition(bone.matrixWorld));
      person.box.setFromPoints(person.joints).expandByScalar(0.15);
      person.skeleton.pose();
    }

    function makeSkeleton(bones, colour) {
      const fine = (bone) => /eye|jaw|index|middle|ring|pinky|thumb/.test(bone.name);
      const place = (bone) => new three.Vector3().setFromMatrixPosition(bone.matrixWorld);
      const links = bones.filter((bone) => bone.parent.isBone);
      const dark = new three.MeshLambertMaterial({ color: colour.clone().multiplyScalar(0.5) });
      const light = new three.MeshLambertMaterial({ color: 0xffffff });
      const sticks = new three.InstancedMesh(new three.CylinderGeometry(0.45, 1, 1, 10), dark, links.length);
      const balls = new three.InstancedMesh(new three.SphereGeometry(1, 14, 10), light, bones.length);
      const up = new three.Vector3(0, 1, 0), matrix = new three.Matrix4(), turn = new three.Quaternion();
      const group = new three.Group();
      for (const part of [sticks, balls]) {
        part.frustumCulled = false;
        group.add(part);
      }
      return { group, materials: [dark, light], pose: poseSkeleton };

      function poseSkeleton() {
        links.forEach((bone, k) => {
          const start = place(bone.parent), along = place(bone).sub(start), length = Math.max(along.length(), 1e-6);
          const radius = fine(bone) ? 0.005 : 0.015;
          turn.setFromUnitVectors(up, along.clone().divideScalar(length));
          const middle = start.addScaledVector(along, 0.5);
          sticks.setMatrixAt(k, matrix.compose(middle, turn, new three.Vector3(radius, length, radius)));
        });
        bones.forEach((bone, k) => {
          const radius = fine(bone) ? 0.007 : 0.021;
          matrix.makeScale(radius, radius, radius).setPosition(place(bone));
          balls.setMatrixAt(k, matrix);
        });
        sticks.instanceMatrix.needsUpdate = balls.instanceMatrix.needsUpdate = true;
      }
    }

    // picture, camera, ground
    let backdrop = null;
    const texture = new three.Texture();
    Object.assign(texture, { colorSpace: three.SRGBColorSpace, anisotropy: 4 });
    const decoded = new Map();
    let wanted = -1, shown = -1;
    if (pictures.length) {
      await showPicture(0);
      backdrop = new three.Mesh(new three.PlaneGeometry(1, 1), new three.MeshBasicMaterial({ map: texture }));
      backdrop.scale.set((edges.right - edges.left) * depth, (edges.top - edges.bottom) * depth, 1);
      backdrop.position.set((edges.left + edges.right) / 2, (edges.top + edges.bottom) / 2, -1);
      backdrop.position.multiply(new three.Vector3(depth, depth, depth));
      world.add(backdrop);
    } else {
      for (const layer of ["backdrop", "inset"]) {
        element("layers").querySelector(`[data-layer="${layer}"]`).closest("label").hidden = true;
      }
    }

    // Pictures are decoded when they are wanted; the last ones are kept.
    async function showPicture(number) {
      wanted = number;
      if (number === shown) return;
      if (!decoded.has(number)) {
        const image = new Image();
        image.src = `data:image/jpeg;base64,${pictures[number]}`;
        decoded.set(number, image.decode().then(() => image));
        if (decoded.size > KEPT_PICTURES) decoded.delete(decoded.keys().next().value);
      }
      const image = await decoded.get(number);
      if (wanted !== number) return;
      shown = number;
      Object.assign(texture, { image, needsUpdate: true });
      const inset = element("inset");
      [inset.width, inset.height] = [image.naturalWidth, image.naturalHeight];
      inset.getContext("2d").drawImage(image, 0, 0);
      if (started) draw();
    }
    const frustum = makeFrustum();
    world.add(frustum);
    let grid = null;
    paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

    function makeFrustum() {
      const corner = (x, y, far) => [x * far, y * far, -far];
      const { left, right, top, bottom } = edges;
      const corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
      const points = [];
      for (const far of [0.35, depth]) {
        corners.forEach(([x, y], k) => {
          points.push(0, 0, 0, ...corner(x, y, far), ...corner(x, y, far), ...corner(...corners[(k + 1) % 4], far));
        });
      }
      const peak = top + 0.25 * (top - bottom), middle = (left + right) / 2, width = (right - left) / 5;
      points.push(...corner(middle - width, top, 0.35), ...corner(middle, peak, 0.35));
      points.push(...corner(middle, peak, 0.35), ...corner(middle + width, top, 0.35));
      const geometry = new three.BufferGeometry();
      geometry.setAttribute("position", new three.BufferAttribute(new Float32Array(points), 3));
      return new three.LineSegments(geometry, new three.LineBasicMaterial());
    }

    // colours of the light or dark page
    function paint() {
      const style = getComputedStyle(document.documentElement);
      const colour = (name) => new three.Color(style.getPropertyValue(name).trim());
      frustum.material.color = colour("--accent");
      if (grid) world.remove(grid);
      grid = makeGrid(colour("--grid"));
      world.add(grid);
      apply();
    }

    // Half-metre squares on the ground that fade away from the people. Short pieces, so that the fading is smooth.
    function makeGrid(colour) {
      const reach = 7, step = 0.5, points = [], colours = [];
      const point = (x, z) => {
        const fade = Math.max(0, 1 - Math.hypot(x, z) / reach);
        points.push(x, 0, z);
        colours.push(colour.r, colour.g, colour.b, Math.min(1, 2 * fade));
      };
      for (let a = -reach; a <= reach; a += step) {
        for (let b = -reach; b < reach; b += step) {
          point(a, b);
          point(a, b + step);
          point(b, a);
          point(b + step, a);
        }
      }
      const geometry = new three.BufferGeometry();
      geometry.setAttribute("position", new three.BufferAttribute(new Float32Array(points), 3));
      geometry.setAttribute("color", new three.BufferAttribute(new Float32Array(colours), 4));
      const material = new three.LineBasicMaterial({ vertexColors: true, transparent: true, depthWrite: false });
      const lines = new three.LineSegments(geometry, material);
      const middle = people.length ? boxOf(people).getCenter(new three.Vector3()) : new three.Vector3(0, 0, -3);
      if (facts.clip?.middle) middle.fromArray(facts.clip.middle);
      lines.position.set(middle.x, facts.floor ?? -1.5, middle.z);
      lines.frustumCulled = false;
      return lines;
    }

    // what is seen
    function apply() {
      const orbit = state.view === "orbit" || moving;
      const opacity = state.mode === "both" ? Math.min(state.opacity, 0.55) : state.opacity;
      people.forEach((person, i) => {
        const seen = person.visible && person.present;
        const share = state.chosen === null || state.chosen === i ? 1 : FADED;
        person.mesh.visible = seen && state.mode !== "skeleton";
        fade(person.mesh.material, opacity * share);
        person.mask.visible = person.mesh.visible && opacity < 1 && share === 1;
        person.skeleton.group.visible = seen && state.mode !== "mesh";
        for (const material of person.skeleton.materials) fade(material, share);
      });
      element("inset").hidden = !(pictures.length && state.layers.inset && orbit);
      if (backdrop) backdrop.visible = state.layers.backdrop;
      frustum.visible = state.layers.camera && orbit;
      grid.visible = state.layers.grid && orbit;
      for (const button of all("[data-mode]")) mark(button, button.dataset.mode === state.mode);
      for (const button of all("[data-view]")) mark(button, button.dataset.view === state.view);
      for (const box of all("[data-layer]")) box.checked = state.layers[box.dataset.layer];
      all("#people input").forEach((box, i) => { box.checked = people[i].visible; });
      all("#people li").forEach((row, i) => row.classList.toggle("chosen", i === state.chosen));
      draw();
    }
    function fade(material, opacity) {
      material.opacity = opacity;
      if (material.transparent === opacity < 1) return;
      material.transparent = opacity < 1;
      material.needsUpdate = true;
    }
    function mark(button, on) {
      button.setAttribute("role", "radio");
      button.setAttribute("aria-checked", String(on));
    }

    // views: the picture's own camera, or one that turns around a target
    const origin = new three.Vector3(), axis = new three.Vector3(0, 0, -1);
    function project(view) {
      const { left, right, top, bottom } = stageEdges();
      const stage = element("stage");
      camera.aspect = stage.clientWidth / Math.max(1, stage.clientHeight);
      camera.fov = 2 * Math.atan((top - bottom) / 2) * 180 / Math.PI;
      camera.updateProjectionMatrix();
      if (view === "picture") {
        camera.projectionMatrix.makePerspective(left * NEAR, right * NEAR, top * NEAR, bottom * NEAR, NEAR, FAR);
        camera.projectionMatrixInverse.copy(camera.projectionMatrix).invert();
      }
      return camera.projectionMatrix.clone();
    }
    function boxOf(chosen) {
      return chosen.reduce((box, person) => box.union(person.box), new three.Box3());
    }
    // From the side of the picture's camera: the view from there is the freest. A single person is seen from nearer to it.
    function home(chosen) {
      if (!chosen.length) return { position: new three.Vector3(2.5, 1.2, 1.5), target: axis.clone().multiplyScalar(3) };
      const box = boxOf(chosen);
      const target = box.getCenter(new three.Vector3());
      const radius = box.getSize(new three.Vector3()).length() / 2;
      const half = Math.atan(Math.tan(camera.fov * Math.PI / 360) * Math.min(1, camera.aspect));
      const away = target.clone().setY(0).normalize().negate().applyAxisAngle(new three.Vector3(0, 1, 0), chosen.length > 1 ? 0.6 : 0.2);
      away.y = chosen.length > 1 ? 0.28 : 0.12;
      return { position: target.clone().addScaledVector(away.normalize(), radius / Math.sin(half) * 0.95), target };
    }
    function middleDepth() {
      const seen = people.filter((person) => person.visible && person.present);
      return seen.length ? -boxOf(seen).getCenter(new three.Vector3()).z : depth / 2;
    }

    let journey = 0;
    function setView(view, { instant = quiet, person = null } = {}) {
      const chosen = person === null ? people.filter((one) => one.visible && one.present) : [people[person]];
      const from = { position: camera.position.clone(), target: controls.target.clone(), matrix: camera.projectionMatrix.clone() };
      const matrix = project(view);
      const goal = view === "picture" ? { position: origin, target: axis.clone().multiplyScalar(middleDepth()) } : home(chosen);
      state.view = view;
      const mine = ++journey, start = performance.now();
      moving = !instant;
      controls.enabled = false;
      const step = () => {
        if (mine !== journey) return;
        const part = instant ? 1 : Math.min(1, (performance.now() - start) / MOVE_MS);
        const ease = part * part * (3 - 2 * part);
        camera.position.lerpVectors(from.position, goal.position, ease);
        controls.target.lerpVectors(from.target, goal.target, ease);
        camera.lookAt(controls.target);
        const mixed = from.matrix.elements.map((value, k) => value + (matrix.elements[k] - value) * ease);
        camera.projectionMatrix.fromArray(mixed);
        camera.projectionMatrixInverse.copy(camera.projectionMatrix).invert();
        if (part < 1) {
          draw();
          requestAnimationFrame(step);
        } else {
          moving = false;
          controls.update();
          controls.enabled = true;
          apply();
        }
      };
      apply();
      step();
    }
    controls.addEventListener("change", () => {
      if (controls.enabled && state.view === "picture") {
        state.view = "orbit";
        project("orbit");
        apply();
      }
      draw();
    });

    function resize() {
      const stage = element("stage");
      renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
      renderer.setSize(Math.max(1, stage.clientWidth), Math.max(1, stage.clientHeight), false);
      project(state.view);
      render();
    }

    // what the user does
    const setMode = (mode) => { state.mode = mode; apply(); };
    const setLayer = (layer, on) => { state.layers[layer] = on; apply(); };
    const setPerson = (i, on) => { people[i].visible = on; apply(); };
    const flip = (layer) => setLayer(layer, !state.layers[layer]);
    const everyone = () => {
      const on = !people.every((person) => person.visible);
      people.forEach((person) => { person.visible = on; });
      apply();
    };
    // One person picked: by name, by lane, or by a click near one of their joints.
    function choose(i) {
      state.chosen = i;
      apply();
    }
    function personAt(x, y) {
      const { clientWidth, clientHeight } = element("stage"), found = { person: null, away: NEAR_ENOUGH };
      people.forEach((person, i) => {
        if (!person.visible || !person.present) return;
        for (const joint of person.joints) {
          const place = joint.clone().project(camera);
          const away = Math.hypot((place.x + 1) / 2 * clientWidth - x, (1 - place.y) / 2 * clientHeight - y);
          if (Math.abs(place.z) < 1 && away < found.away) Object.assign(found, { person: i, away });
        }
      });
      return found.person;
    }
    // Where someone's pelvis is on the stage, CSS pixels.
    function placeOf(i) {
      const place = people[i].joints[0].clone().project(camera), stage = element("stage");
      return { x: (place.x + 1) / 2 * stage.clientWidth, y: (1 - place.y) / 2 * stage.clientHeight };
    }
    let pressed = null;
    element("canvas").addEventListener("pointerdown", (event) => { pressed = [event.offsetX, event.offsetY]; });
    element("canvas").addEventListener("pointerup", (event) => {
      const [x, y] = pressed ?? [Infinity, 0];
      if (Math.hypot(event.offsetX - x, event.offsetY - y) < 4) choose(personAt(event.offsetX, event.offsetY));
      pressed = null;
    });

    // clips: everyone as they are in one frame; the view goes along with who is picked
    let action = null, mixer = null;
    if (facts.clip && gltf.animations.length) {
      mixer = new three.AnimationMixer(gltf.scene);
      action = mixer.clipAction(gltf.animations[0]);
      action.setLoop(three.LoopOnce);
      action.clampWhenFinished = true;
      action.play();
    }
    function showFrame(frame) {
      if (action) {
        Object.assign(action, { paused: false, enabled: true, time: facts.clip.times[frame - facts.clip.first] - facts.clip.start });
        mixer.update(0);
      }
      const along = state.chosen === null ? null : people[state.chosen].joints[0].clone();
      people.forEach((person, i) => {
        person.present = facts.people[i].runs.some(([start, end]) => start <= frame && frame <= end);
      });
      world.updateMatrixWorld(true);
      for (const person of people) if (person.present) pose(person);
      if (along && state.view === "orbit" && !moving && people[state.chosen].present) {
        along.subVectors(people[state.chosen].joints[0], along);
        camera.position.add(along);
        controls.target.add(along);
        controls.update();
      }
      if (pictures.length) {
        const later = facts.clip.pictures.findIndex((number) => number > frame);
        showPicture(Math.max(0, (later < 0 ? facts.clip.pictures.length : later) - 1));
      }
      apply();
    }
    const timeline = facts.clip && makeTimeline(facts.clip, facts.people, showFrame, choose);


    const api = {
      ready: true, webgl: true, error: null, frames: 0, setMode, setView, setLayer, setPerson, pictureRect, choose, personAt, placeOf,
      setFrame: timeline?.setFrame, play: timeline?.play, pause: timeline?.pause,
      state: () => ({ ...state, layers: { ...state.layers }, moving, people: people.map((person) => person.visible),
        present: people.map((person) => person.present), picture: shown, ...timeline?.state() }),
    };
    const keys = {
      1: () => setMode("mesh"), 2: () => setMode("skeleton"), 3: () => setMode("both"),
      p: () => setView("picture"), o: () => setView("orbit"), a: everyone, h: fold,
      escape: () => choose(null), i: () => flip("inset"), b: () => flip("backdrop"), c: () => flip("camera"), g: () => flip("grid"), ...timeline?.keys,
    };
    addEventListener("keydown", (event) => {
      const action = keys[event.key.toLowerCase()];
      if (!action || event.ctrlKey || event.metaKey || event.altKey || handlesItself(event)) return;
      event.preventDefault();
      action();
    });
    // Buttons take the space bar, and sliders and lists the arrows, that are meant for them.
    function handlesItself({ key, target }) {
      if (key === " ") return target.matches("button, input[type=checkbox], summary, select");
      return target.matches("select, #opacity") && /^(Arrow|Home|End)/.test(key);
    }
    all("[data-mode]").forEach((button) => button.addEventListener("click", () => setMode(button.dataset.mode)));
    all("[data-view]").forEach((button) => button.addEventListener("click", () => setView(button.dataset.view)));
    all("[data-layer]").forEach((box) => box.addEventListener("change", () => setLayer(box.dataset.layer, box.checked)));
    element("opacity").addEventListener("input", (event) => { state.opacity = Number(event.target.value); apply(); });
    element("canvas").addEventListener("webglcontextrestored", draw);
    new ResizeObserver(resize).observe(element("stage"));
    resize();
    started = true;
    timeline?.setFrame(facts.clip.first);
    setView("picture", { instant: true });
    render();
    return api;
  }

  // Beginning ------------------------------------------------------------------------------------------------------
  function fold() {
    const folded = document.body.classList.toggle("folded");
    element("fold").setAttribute("aria-expanded", String(!folded));
  }

  async function begin() {
    let api = { ready: false, webgl: false, error: null };
    const pick = (i) => {
      if (facts.clip && api.state && !api.state().present[i]) api.setFrame(facts.people[i].runs[0][0]);
      api.choose?.(i);
      api.setView?.("orbit", { person: i });
    };
    fillPage((i, on) => api.setPerson?.(i, on), pick);
    element("fold").addEventListener("click", fold);
    element("save").addEventListener("click", saveGlb);
    const wish = { alpha: true, antialias: true, depth: true, stencil: false };
    const context = element("canvas").getContext("webgl2", wish);
    if (context) {
      try {
        api = await show(context);
      } catch (error) {
        api.error = String(error);
        notice(`The people of this page cannot be shown in three dimensions: ${error}`);
      }
    } else {
      notice("This browser cannot draw in three dimensions: WebGL 2 is missing or switched off. " +
        "Switch on hardware acceleration or WebGL in its settings, or open this file in another browser. " +
        "The list of people still holds, and they can be saved as GLB.");
    }
    if (!api.webgl) {
      for (const id of ["views", "modes", "layers"]) element(id).hidden = true;
      document.querySelector(".slider").hidden = true;
      element("people").querySelectorAll("input").forEach((box) => { box.disabled = true; });
    }
    window.mien = Object.assign(api, { ready: true });
  }

  window.mien = { ready: false };
  begin();
})();
