/** The library behind `pki.ts`, in a module of its own so that it is loaded only where certificates are made. */
export { generate } from 'selfsigned';
