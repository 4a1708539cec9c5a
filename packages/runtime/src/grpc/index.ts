/** gRPC between the processes of a lab. */
export { ClientError, ServerError, Status } from 'nice-grpc-common';
export { type GrpcCallOptions, type GrpcClient, type GrpcClientOptions, grpcClient } from './client.ts';
export { type GrpcServer, type GrpcServerOptions, type GrpcService, serveGrpc } from './server.ts';
