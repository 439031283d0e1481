{#-
    Pre-hook of staging: the orders, or customers, of which a changed batch holds a row now, or held the row that counts.
    A batch that landed again may have lost that row; only this table remembers it.
-#}
{% macro find_touched(table, key) %}
    {%- set raw = source("retail", table) %}
    {%- if is_incremental() %}
    create or replace temp table changed as {{ changed_landings([raw]) }};

    create or replace temp table touched as
    select {{ key }} from {{ raw }} where _partition in (select landed_on from changed)
    union
    select {{ key }} from {{ this }} where landed_on in (select landed_on from changed);
    {%- endif %}
{% endmacro %}


{#- Pre-hook of `customers_history`: the customers of whom a changed batch brought a version, or had brought one. -#}
{% macro find_touched_customers() %}
    {%- set customers = ref("stg_retail__customers") %}
    {%- if is_incremental() %}
    create or replace temp table changed as {{ changed_landings([customers]) }};

    create or replace temp table touched as
    select customer_id from {{ customers }} where landed_on in (select landed_on from changed)
    union
    select customer_id from {{ this }} where landed_on in (select landed_on from changed);
    {%- endif %}
{% endmacro %}


{#-
    Pre-hook of `orders`: the order dates that changed batches touched. An order is touched when a row of it comes from
    a changed batch, or may have come from one when it was built last: then its span of landing days holds that day. Its
    date may have changed, so both the date it has here and the date it has in staging are rebuilt.
-#}
{% macro find_touched_dates() %}
    {%- set orders, items = ref("stg_retail__orders"), ref("stg_retail__order_items") %}
    {%- if is_incremental() %}
    create or replace temp table changed as {{ changed_landings([orders, items]) }};

    create or replace temp table touched_orders as
    select order_id from {{ orders }} where landed_on in (select landed_on from changed)
    union
    select order_id from {{ items }} where landed_on in (select landed_on from changed)
    union
    select order_id
    from {{ this }} as present
    where exists (
        select 1
        from changed
        where changed.landed_on between present.first_landed_on and present.last_landed_on
    );

    create or replace temp table touched as
    select order_date from {{ orders }} where order_id in (select order_id from touched_orders)
    union
    select order_date from {{ this }} where order_id in (select order_id from touched_orders);
    {%- endif %}
{% endmacro %}


{#-
    The incremental strategy: what was touched goes whole, also where nothing of it is left, and comes back as it is
    now. `delete+insert` would keep the rows of an order, or of a date, of which nothing is left.
-#}
{% macro get_incremental_rebuild_touched_sql(arguments) %}
    {%- set columns = get_quoted_csv(
        arguments["dest_columns"] | map(attribute="name")
    ) %}
    delete from {{ arguments["target_relation"] }}
    where
        {{ arguments["unique_key"] }}
        in (select {{ arguments["unique_key"] }} from touched)
    ;

    insert into {{ arguments["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arguments["temp_relation"] }}
{% endmacro %}
