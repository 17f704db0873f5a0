// Names for Chainlit's icon buttons, which have none that a screen reader could say, and for what
// its settings name in one language alone.
import { isChinese } from "/public/library-parts.js";

const NAMES = {
  "#chat-submit": ["Send", "发送"],
  "#stop-button": ["Stop", "停止"],
  "#new-chat-button": ["New chat", "新建对话"],
  "#sidebar-trigger-button": ["Show or hide past conversations", "显示或隐藏历史对话"],
  "#chat-settings-open-modal": ["Settings", "设置"],
  "#theme-toggle": ["Light or dark", "浅色或深色"],
  "#user-nav-button": ["Account", "账户"],
  "#thread-options": ["What to do with this conversation", "对话操作"],
  ".edit-message": ["Edit the question", "修改问题"],
  ".positive-feedback-off, .positive-feedback-on": ["Helpful", "有帮助"],
  ".negative-feedback-off, .negative-feedback-on": ["Not helpful", "没有帮助"],
  "button:has(> .lucide-copy)": ["Copy", "复制"],
  '#header a[href="/conversations"]': ["Conversations", "对话列表"],
};
const LINK = '#header a[href="/conversations"]';
const TOOLTIP = "[data-radix-popper-content-wrapper] :is(div, span)";

const nameOf = (selector) => NAMES[selector][isChinese ? 1 : 0];

/** Whenever the page has drawn something: it may use one element for two buttons in turn. */
export function nameControls() {
  for (const selector of Object.keys(NAMES)) {
    for (const element of document.querySelectorAll(selector)) {
      if (element.ariaLabel !== nameOf(selector)) element.setAttribute("aria-label", nameOf(selector));
    }
  }
  const [english] = NAMES[LINK];
  for (const picture of document.querySelectorAll(`${LINK} img`)) picture.alt = nameOf(LINK);
  if (!isChinese) return;
  for (const tooltip of document.querySelectorAll(TOOLTIP)) {
    for (const text of tooltip.childNodes) {
      if (text.nodeType === Node.TEXT_NODE && text.data === english) text.data = nameOf(LINK);
    }
  }
}
