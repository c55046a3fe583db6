import { SseExample, usePollux } from 'pollux-client/react';

interface Update { timestamp: string; value: number; message: string }

export function App() {
  return (
    <main>
      <h1>Pollux in Vite</h1>
      <Newest />
      <Even />
      <SseExample url="/api/sse" />
    </main>
  );
}

function Newest() {
  const { value, status, error } = usePollux<Update>('/api/sse');
  return <p className={status}>{error ? error.message : value?.message}</p>;
}

// Renders only when the number changes from even to odd or back. All components of this page share one connection.
function Even() {
  const { value } = usePollux<Update, boolean>('/api/sse', { select: update => update.value % 2 === 0 });
  return <p>The newest value is {value === undefined ? 'not here yet' : value ? 'even' : 'odd'}.</p>;
}
