/** Volumes and who claims them. Source: k8s.io/api `core/v1/types.go`, `storage/v1/types.go`. */
import type { Condition, KubeObject, LabelSelector, ObjectReference, StringMap } from './meta.ts';

export type AccessMode = 'ReadWriteOnce' | 'ReadOnlyMany' | 'ReadWriteMany' | 'ReadWriteOncePod';

export interface PersistentVolumeClaim extends KubeObject {
  readonly spec: {
    readonly accessModes?: readonly AccessMode[];
    readonly selector?: LabelSelector;
    readonly resources?: { readonly requests?: StringMap; readonly limits?: StringMap };
    readonly volumeName?: string;
    /** Absent: the default class; empty: none. */
    readonly storageClassName?: string;
    readonly volumeMode?: 'Filesystem' | 'Block';
    readonly dataSource?: unknown;
  };
  readonly status?: {
    readonly phase?: 'Pending' | 'Bound' | 'Lost';
    readonly accessModes?: readonly AccessMode[];
    readonly capacity?: StringMap;
    readonly conditions?: readonly Condition[];
  };
}

/** Which nodes may use something: terms are alternatives, the expressions of one hold together. */
export interface NodeSelector {
  readonly nodeSelectorTerms: readonly NodeSelectorTerm[];
}

export interface NodeSelectorTerm {
  readonly matchExpressions?: readonly NodeSelectorRequirement[];
  /** Over `metadata.name` alone. */
  readonly matchFields?: readonly NodeSelectorRequirement[];
}

export interface NodeSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values?: readonly string[];
}

export interface PersistentVolume extends KubeObject {
  readonly spec: {
    readonly capacity?: StringMap;
    readonly accessModes?: readonly AccessMode[];
    readonly claimRef?: ObjectReference;
    readonly persistentVolumeReclaimPolicy?: 'Retain' | 'Delete' | 'Recycle';
    readonly storageClassName?: string;
    readonly volumeMode?: 'Filesystem' | 'Block';
    readonly nodeAffinity?: { readonly required?: NodeSelector };
    readonly hostPath?: { readonly path: string; readonly type?: string };
    readonly local?: { readonly path: string };
    readonly nfs?: { readonly server: string; readonly path: string };
  };
  readonly status?: {
    readonly phase?: 'Pending' | 'Available' | 'Bound' | 'Released' | 'Failed';
    readonly message?: string;
    readonly reason?: string;
  };
}

export interface StorageClass extends KubeObject {
  readonly provisioner: string;
  readonly parameters?: StringMap;
  readonly reclaimPolicy?: 'Retain' | 'Delete';
  readonly volumeBindingMode?: 'Immediate' | 'WaitForFirstConsumer';
  readonly allowVolumeExpansion?: boolean;
}

/** The class svclab provisions: a directory on the pod's node. */
export const STANDARD_STORAGE_CLASS = 'standard';

/** Its provisioner. */
export const LOCAL_PROVISIONER = 'svclab.dev/node-directory';
