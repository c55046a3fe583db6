import react from '@vitejs/plugin-react';

// Pages read the streams from their own origin. Vite passes the requests on to Pollux.
const proxy = { '/api': 'http://localhost:3000' };

export default { plugins: [react()], server: { port: 5173, strictPort: true, proxy }, preview: { port: 5173, strictPort: true, proxy } };
