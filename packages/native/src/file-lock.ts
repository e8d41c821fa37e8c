import { addon } from './addon.js';

/**
 * Takes the lock of an open, writable file (flock). The kernel gives it up when the descriptor is closed or its process
 * ends, however it ends, so a lock is never stale; and it holds over processes that do not see each other's ids
 * (containers) and, on network disks that know locks, over machines.
 * @returns false while another descriptor has it
 * @throws Error saying why where the disk knows no locks
 */
export const lockFile = (fd: number): boolean => addon().lockFile(fd);
