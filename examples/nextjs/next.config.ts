import type { NextConfig } from 'next';

// Pages read the streams from their own origin. Next passes the requests on to Pollux.
const config: NextConfig = {
  rewrites: async () => [{ source: '/api/sse', destination: 'http://localhost:3001/api/sse' }],
};

export default config;
