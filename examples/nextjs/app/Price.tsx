'use client';

import { usePollux } from 'pollux-client/react';

interface Update { value: number; message: string }

// It has the connection of SseExample, because the URL is the same, and renders only when the number changes.
export function Price() {
  const { value, status } = usePollux<Update, number>('/api/sse', { select: update => update.value });
  return <p>The newest value is <output className={status}>{value ?? '…'}</output></p>;
}
