/** What happens to a page. */

const EVENTS = ['online', 'pagehide', 'pageshow', 'visibilitychange'];

/**
 * watchPage tells when a page goes and when it wakes. It goes into the back/forward cache, perhaps, where no page with an
 * open connection gets. It wakes when it returns from there, when the machine has a network again, and when somebody looks
 * at it again. Nothing wakes a page in the cache but its return.
 * @param {Pick<EventTarget, 'addEventListener'> & {document?: Document}} target the window
 * @param {AbortSignal} signal ends it
 * @param {(goes: boolean) => void} tell
 */
export function watchPage(target, signal, tell) {
  let away = false;
  for (const type of EVENTS) {
    target.addEventListener(type, () => {
      const [was, goes, shows] = [away, type === 'pagehide', type === 'pageshow'];
      away = goes || was && !shows;
      if (goes || was === shows && !target.document?.hidden) tell(goes);
    }, { signal });
  }
}
