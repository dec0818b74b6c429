// The few Grand Central Dispatch names in metal-cpp's interface, for Linux.
#pragma once

typedef struct dispatch_queue_s* dispatch_queue_t;
typedef struct dispatch_data_s* dispatch_data_t;
