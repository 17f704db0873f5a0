// What both scripts of the library use: elements, requests, notices, and the words.

export const isChinese = navigator.language.toLowerCase().startsWith("zh");
const PROGRESS = /(\d+) of (\d+) documents, ([\d,]+) passages encoded/;
const few = (names, count) => names.slice(0, 3).join(", ") + (count > 3 ? " …" : "");
const files = (count) => `${count} ${count === 1 ? "file" : "files"}`;

const EN = {
  library: "Library", add: "Add files to this conversation", only: "Only", onlyThis: "Answer from this file only",
  stillOnly: (what) => `This conversation is still answered from these only: ${what}`, goneDocument: "a document that is gone",
  onlyShort: "only this", remove: "Remove", reading: "being read …", close: "Close", undo: "Undo",
  keptFile: "Kept in your library", temporaryFile: "For this conversation only",
  dropHere: "For this conversation", dropHereText: "Nobody else finds it; deleted after the conversation",
  dropKept: "Keep in my library", dropKeptText: "Found in all conversations, until you delete it",
  off: "Files cannot be added here.",
  wrongType: (name) => `${name}: files of this type are not read. Save it as PDF, Word or text.`,
  tooLarge: (name, limit) => `${name}: larger than ${limit} MB. Split it into parts.`,
  empty: (name) => `${name}: the file is empty. Save it again.`,
  lost: (name) => `${name}: the connection was lost on the way. Add it again.`,
  refusals: {}, reasons: {},
  kinds: {
    pdf: "PDF", word: "Word", sheet: "Sheet", slides: "Slides", web: "Web page", mail: "Mail", book: "Book",
    text: "Text", image: "Image", data: "Data", code: "Code", subtitles: "Subtitles", archive: "Archive",
  },
  news: {
    new: (count, names) => `${files(count)} added: ${few(names, count)}`,
    changed: (count, names) => `${files(count)} updated: ${few(names, count)}`,
    moved: (count, names) => `${files(count)} moved: ${few(names, count)}`,
    removed: (count, names) => `${files(count)} removed: ${few(names, count)}`,
  },
  documents: "Documents", failures: "Not read", leftOut: "Left out", search: "Search names and titles",
  allFolders: "All folders", allTypes: "All types", sort: "Sort by",
  sorts: { name: "Name", changed: "Last changed", indexed: "Last read", size: "Size", type: "Type", folder: "Folder" },
  askThese: (count) => `Ask only these ${count}`, askShown: "Ask only what is shown", askAll: "Ask all documents",
  askOne: "Ask only this", leaveOut: "Leave out of answers", del: "Delete this file", sure: "Delete? Click again",
  select: "Select", pages: (n) => `${n} ${n === 1 ? "page" : "pages"}`, slides: (n) => `${n} ${n === 1 ? "slide" : "slides"}`, passages: (n) => `${n} ${n === 1 ? "passage" : "passages"}`,
  of: (from, to, total) => `${from}–${to} of ${total}`, earlier: "Previous", later: "Next",
  sync: "Look for changes", looked: (when) => `Up to date, ${when}`, looking: "Looking …",
  indexing: (text) => `Reading: ${text}`, nothing: "No document fits.", none: "No documents yet. Drop files here, or index a folder.",
  allRead: "Every file could be read.", noneLeftOut: "Nothing is left out.", takeBack: "Take in again",
  leftOutTold: (name) => `${name} is left out of answers; the file itself stays.`, deleted: (name) => `${name} was deleted.`,
  unsupported: (n) => `${n} more ${n === 1 ? "file is" : "files are"} of types that are not read`,
  hide: "Do not show again", addKept: "Add files to keep", follows: "Another program keeps this index up to date.",
  kept: "added, kept", temporary: "added, for one conversation", dateLanguage: "en",
};

const ZH = {
  library: "资料库", add: "向本次对话添加文件", only: "仅限", onlyThis: "只根据此文件回答",
  stillOnly: (what) => `本次对话仍然只根据以下内容回答：${what}`, goneDocument: "已不存在的文档",
  onlyShort: "只用它", remove: "移除", reading: "正在读取……", close: "关闭", undo: "撤销",
  keptFile: "已保存在您的资料库中", temporaryFile: "仅用于本次对话",
  dropHere: "仅用于本次对话", dropHereText: "别人找不到，对话结束后删除",
  dropKept: "保存到我的资料库", dropKeptText: "在所有对话中都能找到，直到您删除它",
  off: "这里不能添加文件。",
  wrongType: (name) => `${name}：不支持这种文件。请另存为 PDF、Word 或文本。`,
  tooLarge: (name, limit) => `${name}：超过 ${limit} MB。请拆分。`,
  empty: (name) => `${name}：文件是空的。请重新保存。`,
  lost: (name) => `${name}：连接中断，请重新添加。`,
  refusals: {
    off: () => "这里不能添加文件。", forbidden: () => "您没有权限这样做。",
    type: (name) => ZH.wrongType(name), too_large: (name) => `${name}：文件过大。请拆分。`,
    empty: (name) => ZH.empty(name), name: (name) => `${name}：文件名不可用。请重命名。`,
    full: (name) => `${name}：您的空间已满。请在资料库中删除一些文件。`,
    disk: (name) => `${name}：无法保存。请联系运行本页的人。`,
  },
  reasons: {
    unsupported: "不支持这种文件", empty: "文件是空的", notext: "其中没有文字；如是扫描件，请先做 OCR",
    password: "文件有密码", damaged: "文件已损坏，请重新保存", too_large: "文件过大，请拆分",
    unreadable: "无法打开", timeout: "读取时间过长", crashed: "无法读取，请重新保存",
    link: "链接指向文件夹之外", missing: "文件夹不存在", ignore_file: "忽略规则有误",
  },
  kinds: {
    pdf: "PDF", word: "文字文档", sheet: "表格", slides: "幻灯片", web: "网页", mail: "邮件", book: "电子书",
    text: "文本", image: "图片", data: "数据", code: "代码", subtitles: "字幕", archive: "压缩包",
  },
  news: {
    new: (count, names) => `新增 ${count} 个文件：${few(names, count)}`,
    changed: (count, names) => `更新 ${count} 个文件：${few(names, count)}`,
    moved: (count, names) => `移动 ${count} 个文件：${few(names, count)}`,
    removed: (count, names) => `移除 ${count} 个文件：${few(names, count)}`,
  },
  documents: "文档", failures: "未能读取", leftOut: "已排除", search: "搜索名称和标题",
  allFolders: "所有文件夹", allTypes: "所有类型", sort: "排序",
  sorts: { name: "名称", changed: "最近修改", indexed: "最近读取", size: "大小", type: "类型", folder: "文件夹" },
  askThese: (count) => `只问这 ${count} 个`, askShown: "只问当前显示的", askAll: "问全部文档",
  askOne: "只问这个", leaveOut: "回答时不用它", del: "删除此文件", sure: "确定删除？再点一次",
  select: "选择", pages: (n) => `${n} 页`, slides: (n) => `${n} 张幻灯片`, passages: (n) => `${n} 段`,
  of: (from, to, total) => `${from}–${to}，共 ${total}`, earlier: "上一页", later: "下一页",
  sync: "检查更新", looked: (when) => `已是最新（${when}）`, looking: "正在检查……",
  indexing: (text) => `正在读取：${text.replace(PROGRESS, "$2 个文档中的 $1 个，已编码 $3 个段落")}`, nothing: "没有符合的文档。", none: "还没有文档。把文件拖到这里，或索引一个文件夹。",
  allRead: "所有文件均已读取。", noneLeftOut: "没有排除任何文档。", takeBack: "恢复使用",
  leftOutTold: (name) => `回答时不再使用 ${name}；文件本身保留。`, deleted: (name) => `已删除 ${name}。`,
  unsupported: (n) => `另有 ${n} 个文件的类型不支持`,
  hide: "不再显示", addKept: "添加并保存文件", follows: "另一个程序在更新此索引。",
  kept: "已添加，保存", temporary: "已添加，仅用于一次对话", dateLanguage: "zh-CN",
};

export const words = isChinese ? ZH : EN;

export function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The server's answer. Throws an Error whose message people can read. */
export async function api(url, { method = "GET", json } = {}) {
  const body = json === undefined ? {} : { body: JSON.stringify(json), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(url, { method, ...body });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  throw new Error(words.refusals[found.reason]?.("").replace(/^：/, "") || (typeof found.detail === "string" ? found.detail : answer.statusText));
}

const SHOWN_MS = 6000, WARNING_MS = 12000;
let notices;

/** A quiet line that goes by itself; `action` is a label and what it does. */
export function say(text, isWarning = false, action = null) {
  notices ??= make("div", { id: "fl-notices", role: "status", "aria-live": "polite" });
  if (!notices.isConnected) document.body.append(notices);
  const line = make("div", { class: `fl-notice${isWarning ? " fl-warning" : ""}`, "data-testid": "fl-notice" }, make("span", {}, text));
  if (action) {
    const button = make("button", { type: "button" }, action.label);
    button.addEventListener("click", () => { line.remove(); action.run(); });
    line.append(button);
  }
  notices.append(line);
  while (notices.children.length > 4) notices.firstChild.remove();
  setTimeout(() => line.remove(), isWarning ? WARNING_MS : SHOWN_MS);
}
