import { SseExample } from 'pollux-client/react';
import { Price } from './Price';

export default function Page() {
  return (
    <main>
      <h1>Pollux in Next.js</h1>
      <Price />
      <SseExample url="/api/sse" />
    </main>
  );
}
