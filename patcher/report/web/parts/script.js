
"use strict";
(() => {
  const page = document.documentElement;
  const one = (id) => document.getElementById(id);
  const all = (chosen, within = document) => [...within.querySelectorAll(chosen)];
  const keep = (name, value) => { try { localStorage.setItem(`patcher-${name}`, value); } catch { /* a page from disk may have no store */ } };
  const kept = (name) => { try { return localStorage.getItem(`patcher-${name}`); } catch { return null; } };
  const say = (text) => { one("said").textContent = text; };
  page.classList.add("js");

  const THEMES = ["auto", "light", "dark"];
  const WORDS = { auto: "as the system has it", light: "light", dark: "dark" };
  const theme = (name) => {
    if (name === "auto") delete page.dataset.theme; else page.dataset.theme = name;
    one("theme").textContent = `Theme: ${name}`;
    one("theme").setAttribute("aria-label", `Theme: ${WORDS[name]}`);
  };
  let look = THEMES.includes(kept("theme")) ? kept("theme") : "auto";
  const nextTheme = () => {
    look = THEMES[(THEMES.indexOf(look) + 1) % THEMES.length];
    theme(look);
    keep("theme", look);
  };
  theme(look);

  const view = one("view");
  const unified = (on) => {
    if (!view) return;
    if (on) page.dataset.view = "unified"; else delete page.dataset.view;
    view.setAttribute("aria-pressed", String(on));
    view.textContent = on ? "Side by side" : "Unified";
  };
  const turn = () => { unified(page.dataset.view !== "unified"); keep("view", page.dataset.view || ""); };
  unified(kept("view") === "unified");

  const step = one("by-step"), file = one("by-file");
  const filter = () => {
    if (!step) return;
    let shown = 0, total = 0;
    for (const box of all(".file")) {
      const fits = !file.value || box.dataset.file === file.value;
      let some = false;
      for (const hunk of all(".hunk", box)) {
        const here = fits && (!step.value || hunk.dataset.steps.split(" ").includes(step.value));
        hunk.hidden = !here;
        some = some || here;
        shown += here;
        total += 1;
      }
      for (const fold of all(":scope > .fold", box)) fold.hidden = Boolean(step.value);
      box.hidden = step.value ? !some : !fits;
    }
    const filtered = step.value || file.value;
    one("shown").textContent = filtered ? `${shown} of ${total} changes` : "";
    for (const none of all(".none[hidden], .none.of")) { none.classList.add("of"); none.hidden = shown > 0; }
    say(filtered ? `${shown} of ${total} changes are shown` : "All changes are shown");
  };
  const clear = () => { if (step) { step.value = ""; file.value = ""; filter(); } };

  const hunks = () => all(".hunk").filter((hunk) => !hunk.hidden && !hunk.closest("[hidden]"));
  let current = null;
  const reveal = (there) => {
    for (let box = there.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  };
  const go = (by) => {
    const list = hunks();
    if (!list.length) return;
    const at = list.indexOf(current);
    current = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + by))];
    reveal(current);
    current.focus({ preventScroll: true });
    current.scrollIntoView({ block: current.offsetHeight > innerHeight * 0.7 ? "start" : "center" });
  };
  document.addEventListener("focusin", (event) => { current = event.target.closest(".hunk") || current; });
  const follow = () => {
    const there = location.hash && one(decodeURIComponent(location.hash.slice(1)));
    if (!there) return;
    if (there.closest("[hidden]")) clear();
    reveal(there);
    if (there.tagName === "DETAILS") there.open = true;
    if (there.matches(".hunk")) there.focus();
  };
  addEventListener("hashchange", follow);

  const fold = one("fold");
  const foldOne = () => {
    const box = current && current.closest(".file");
    if (box) { box.open = !box.open; box.querySelector("summary").focus(); }
  };
  const label = () => { if (fold) fold.textContent = all(".file").some((box) => box.open) ? "Fold all" : "Unfold all"; };
  const foldAll = () => {
    const open = all(".file").some((box) => box.open);
    for (const box of all(".file")) box.open = !open;
    label();
  };
  document.addEventListener("toggle", label, true);

  const dialog = one("keys");
  const help = () => { if (dialog.open) dialog.close(); else dialog.showModal(); };

  const KEYS = {
    j: () => go(1), n: () => go(1), k: () => go(-1), p: () => go(-1),
    t: nextTheme, u: turn, f: foldOne, a: () => fold && foldAll(), x: clear, s: () => step && step.focus(), "?": help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, textarea")) return;
    if (dialog.open && event.key !== "?") return;
    if (Object.hasOwn(KEYS, event.key)) { event.preventDefault(); KEYS[event.key](); }
  });
  const on = (id, kind, does) => { const there = one(id); if (there) there.addEventListener(kind, does); };
  on("theme", "click", nextTheme);
  on("view", "click", turn);
  on("fold", "click", foldAll);
  on("help", "click", help);
  on("next", "click", () => go(1));
  on("prev", "click", () => go(-1));
  on("by-step", "change", filter);
  on("by-file", "change", filter);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  for (const button of all(".only")) {
    button.addEventListener("click", () => {
      step.value = button.dataset.only;
      file.value = "";
      filter();
      current = null;
      go(1);
    });
  }
  follow();
})();
