/** The sign-in page. It stands alone: before the sign-in the server gives out login.* and nothing else. */

const LANGUAGE_KEY = "three-stage-chat-language";
const THEME_KEY = "three-stage-theme";
const TABLES = {
  en: {
    tag: "en",
    title: "Sign in",
    text: "This server asks for the token it was started with (--auth-token).",
    token: "Token",
    button: "Sign in",
    wrong: "This is not the token of this server.",
    down: "The server cannot be reached. See that chat_server.py is running, then try again.",
    failed: "The server did not accept this (HTTP {status}).",
  },
  zh: {
    tag: "zh-Hans",
    title: "登录",
    text: "请输入启动服务时指定的令牌 (--auth-token)。",
    token: "令牌",
    button: "登录",
    wrong: "令牌不正确。",
    down: "无法连接到服务。请确认 chat_server.py 正在运行，然后重试。",
    failed: "服务未接受该请求 (HTTP {status})。",
  },
};

const remembered = (key) => {
  try { return localStorage.getItem(key); } catch { return null; }  // storage may be refused
};
const wished = [remembered(LANGUAGE_KEY), ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())];
const words = TABLES[wished.find((name) => name in TABLES) ?? "en"];
const problem = document.getElementById("problem");
const button = document.getElementById("sign-in");

document.documentElement.lang = words.tag;
const theme = remembered(THEME_KEY);
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
document.title = `${words.title} · three-stage`;
document.getElementById("login-title").textContent = words.title;
document.getElementById("login-text").textContent = words.text;
document.getElementById("token-label").textContent = words.token;
button.textContent = words.button;

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  problem.textContent = await signIn(document.getElementById("token").value);
  button.disabled = false;
});

// What went wrong; with the right token the page is left.
async function signIn(token) {
  try {
    const reply = await fetch("/api/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (reply.ok) location.assign("/");
    if (reply.ok) return "";
    return reply.status === 401 || reply.status === 403 ? words.wrong : words.failed.replace("{status}", reply.status);
  } catch {
    return words.down;
  }
}
