/** Defines the element `<pollux-stream>`. */

import { PolluxStream } from './element.js';

if (!customElements.get('pollux-stream')) customElements.define('pollux-stream', PolluxStream);
