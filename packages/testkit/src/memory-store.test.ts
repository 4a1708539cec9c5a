import { memoryStore } from './memory-store.ts';
import { describeStoreContract } from './store-contract.ts';

describeStoreContract('memoryStore', async () => ({ ...memoryStore(), close: async () => undefined }));
