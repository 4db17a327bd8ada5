// The player, and everything on the page that follows it or moves it. Times: seconds of the source.
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const video = document.getElementById("player");
  const cursor = document.getElementById("cursor");
  const track = document.getElementById("track");
  const clock = document.getElementById("clock");
  const marks = document.getElementById("marks");
  const stepsWithClips = data.steps.filter((step) => step.clip);
  const shots = [...document.querySelectorAll(".panel > .strip [data-seek]")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const JUST_INSIDE_SEC = 0.001;  // of a frame: its very first instant may still show the one before
  const ARROW_SEC = 1;
  const MARK_PX = 24;  // as wide and as high as a finger needs

  let untried = [...data.sources];
  let playing = null;  // "source", or the step whose clip is in the player
  let current;
  let currentShot = null;

  function begin() {
    video.addEventListener("error", next);
    video.addEventListener("loadedmetadata", () => {
      if (playing === "source" && !video.videoWidth) next();  // sound without pictures
    });
    next();
  }

  // The next address of the source; when none is left, the clips.
  function next() {
    if (playing !== null && playing !== "source") return;
    if (untried.length) {
      playing = "source";
      video.src = untried.shift();
    } else if (stepsWithClips.length) {
      document.getElementById("playing-clip").hidden = false;
      load(stepsWithClips[0], stepsWithClips[0].clip.start, false);
    } else {
      playing = null;
      video.removeAttribute("src");
      video.hidden = true;
      document.getElementById("playing-nothing").hidden = false;
    }
  }

  function load(step, time, play) {
    playing = step;
    video.src = step.clip.src;
    video.addEventListener("loadedmetadata", () => {
      video.currentTime = inFile(time);
      if (play) video.play();
    }, { once: true });
  }

  const inFile = (time) => playing === "source"
    ? time + data.offset
    : Math.max(0, time - playing.clip.start + playing.clip.offset);

  function now() {
    if (playing === null) return 0;
    return Math.max(0, playing === "source"
      ? video.currentTime - data.offset
      : video.currentTime - playing.clip.offset + playing.clip.start);
  }

  function seek(time, play) {
    const wanted = Math.min(Math.max(0, time), data.duration) + JUST_INSIDE_SEC;
    if (playing === "source") {
      video.currentTime = inFile(wanted);
      if (play) video.play();
    } else if (playing !== null) {
      const step = stepsWithClips.find((one) => wanted < one.clip.end) || stepsWithClips.at(-1);
      const inside = Math.min(Math.max(wanted, step.clip.start), step.clip.end);
      if (step !== playing) load(step, inside, play);
      else {
        video.currentTime = inFile(inside);
        if (play) video.play();
      }
    }
    follow();
  }

  function written(seconds) {
    const hundredths = Math.round(seconds * 100);
    const whole = Math.floor(hundredths / 100);
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor(whole / 60) % 60;
    const start = hours ? `${hours}:${two(minutes)}` : `${minutes}`;
    return `${start}:${two(whole % 60)}.${two(hundredths % 100)}`;
  }

  // Cursor, clock, and what is current.
  function follow() {
    const time = now();
    if (cursor) {
      const part = Math.min(1, time / data.duration);
      cursor.style.left = `${100 * part}%`;
      cursor.setAttribute("aria-valuenow", time.toFixed(2));
      cursor.setAttribute("aria-valuetext", written(time));
      clock.textContent = `${written(time)} / ${written(data.duration)}`;
    }
    const step = data.steps.find((one) => one.start <= time && time < one.end);
    const id = step ? String(step.id) : "";
    if (id !== current) {
      current = id;
      for (const element of document.querySelectorAll("[data-step]")) {
        if (element.dataset.step === id) element.setAttribute("aria-current", "step");
        else element.removeAttribute("aria-current");
      }
      for (const card of document.querySelectorAll("[data-card]")) {
        card.classList.toggle("is-current", card.dataset.card === id);
      }
    }
    let latest = null;
    for (const shot of shots) if (Number(shot.dataset.seek) <= time) latest = shot;
    if (latest !== currentShot) {
      if (currentShot) currentShot.classList.remove("is-current");
      currentShot = latest;
      if (latest) show(latest);
    }
  }

  // Marks a picture of the strip and scrolls the strip, never the page, to it.
  function show(shot) {
    shot.classList.add("is-current");
    const strip = shot.closest(".strip");
    const [outer, inner] = [strip.getBoundingClientRect(), shot.getBoundingClientRect()];
    if (inner.left >= outer.left && inner.right <= outer.right) return;
    const left = strip.scrollLeft + inner.left - outer.left - (outer.width - inner.width) / 2;
    strip.scrollTo({ left, behavior: calm.matches ? "auto" : "smooth" });
  }

  // Marks that would cover each other stand in rows, the first right above the track.
  function placeMarks() {
    const wide = track.getBoundingClientRect().width;
    const ends = [];  // of each row, in px
    const middle = (mark) => Math.min(1, Math.max(0, Number(mark.dataset.seek) / data.duration)) * wide;
    for (const mark of [...marks.children].sort((one, other) => middle(one) - middle(other))) {
      const start = middle(mark) - MARK_PX / 2;
      const free = ends.findIndex((end) => end <= start);
      const row = free < 0 ? ends.length : free;
      ends[row] = start + MARK_PX;
      mark.style.bottom = `${row * MARK_PX}px`;
    }
    marks.style.height = `${Math.max(1, ends.length) * MARK_PX}px`;
  }

  function followFrames() {
    follow();
    if (!video.paused && !video.ended) requestAnimationFrame(followFrames);
  }

  for (const event of ["timeupdate", "seeking", "seeked", "loadedmetadata"]) video.addEventListener(event, follow);
  video.addEventListener("play", followFrames);

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-seek]");
    if (!target) return;
    seek(Number(target.dataset.seek), !video.paused);
    if (target.dataset.show) {
      document.getElementById(target.dataset.show)
        .scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    }
  });

  if (cursor) {
    placeMarks();
    addEventListener("resize", placeMarks);
    document.getElementById("timeline").addEventListener("click", (event) => {
      if (event.target.closest("[data-seek]")) return;
      const box = track.getBoundingClientRect();
      seek((event.clientX - box.left) / box.width * data.duration, !video.paused);
    });
    cursor.addEventListener("keydown", (event) => {
      const places = {
        ArrowRight: now() + ARROW_SEC, ArrowUp: now() + ARROW_SEC,
        ArrowLeft: now() - ARROW_SEC, ArrowDown: now() - ARROW_SEC,
        Home: 0, End: data.duration,
      };
      if (!(event.key in places)) return;
      event.preventDefault();
      seek(places[event.key], !video.paused);
    });
  }

  begin();
  follow();
})();
