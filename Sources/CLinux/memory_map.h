#ifndef CLINUX_MEMORY_MAP_H
#define CLINUX_MEMORY_MAP_H

/* Opens what baton_let_code_go reads, while this process may. It is closed there. */
void baton_open_memory_map(void);

#endif
