"use strict";
// The page on which the assistant asks for the PIN, for trials (docs/world.md).

const $ = (id) => document.getElementById(id);
const WORDS = { zh: ["取消", "确定"], en: ["Cancel", "OK"] };
let session = null;
let number = 0;

const kept = (value) => {
  try {
    if (value) sessionStorage.setItem("session", value);
    return sessionStorage.getItem("session");
  } catch {
    return null;
  }
};

async function call(path, body) {
  const headers = { "Content-Type": "application/json", "X-UShield": "1" };
  if (session) headers.Authorization = `Bearer ${session}`;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
  if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
  return answer.json();
}

function show(question) {
  $("form").hidden = !question;
  $("quiet").hidden = Boolean(question);
  $("secret").value = "";
  document.title = question ? `● ${question.title}` : "网银助手 · Assistant";
  if (!question) return;
  document.documentElement.lang = question.language;
  for (const part of ["title", "text", "prompt"]) $(part).textContent = question[part];
  $("field").hidden = !question.hidden;
  $("secret").required = question.hidden;
  [$("no").textContent, $("yes").textContent] = WORDS[question.language];
  (question.hidden ? $("secret") : $("no")).focus();
}

async function answer(yes) {
  const secret = yes ? $("secret").value : "";
  show(null);
  // A refusal says that the question is gone.
  await call("/answer", { number, yes, secret }).catch(() => null);
}

async function main() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    answer(true);
  });
  $("no").addEventListener("click", () => answer(false));
  addEventListener("hashchange", () => location.hash && location.reload());
  const secret = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  const opened = secret ? await call("/session", { secret }).catch(() => null) : null;
  session = opened ? kept(opened.session) ?? opened.session : kept();
  for (;;) {
    try {
      const told = await call("/question", { after: number });
      if (told.number !== number) {
        number = told.number;
        show(told.question);
      }
    } catch (error) {
      if (error.status === 401) {
        $("shut").hidden = false;
        $("quiet").hidden = true;
        return;
      }
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

main();
